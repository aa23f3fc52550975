import { Button, Group, Stack, Switch, Text, TextInput } from '@mantine/core';
import '@mantine/core/styles/Switch.layer.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { frameTexts } from '../../app/texts.frame';
import { Ask } from '../../components/Ask';
import { done } from '../../components/notify';
import { Panel } from '../../components/Panel';
import { Problem } from '../../components/Problem';
import { type LazyRule, lazyRuleQuery, type Place, removeLazyRule, setLazyRule } from './api';
import { accelerationTexts } from './texts';

/** The most characters of a pattern. */
const PATTERN_MAX = 256;

/** Which pushes of an image, or to an organization, are followed by an index. */
export function LazyRulePanel({ of, mayManage }: { of: Place; mayManage: boolean }) {
  const t = accelerationTexts.use().lazyRule;
  const rule = useQuery(lazyRuleQuery(of));
  return (
    <Panel title={t.title}>
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          {t.help}
        </Text>
        <Ask query={rule} rows={2}>
          {(found) => <Form of={of} rule={found} mayManage={mayManage} />}
        </Ask>
        {of.image !== undefined && <Inherited org={of.org} />}
      </Stack>
    </Panel>
  );
}

function Form({ of, rule, mayManage }: { of: Place; rule: LazyRule | null; mayManage: boolean }) {
  const t = accelerationTexts.use().lazyRule;
  const frame = frameTexts.use();
  const queries = useQueryClient();
  const kept = rule?.tags;
  const [tags, setTags] = useState(kept ?? '');
  // Changed elsewhere, too.
  useEffect(() => {
    if (kept !== undefined) setTags(kept);
  }, [kept]);
  /** `null` ends the rule. */
  const change = useMutation({
    mutationFn: (wanted: string | null) => (wanted === null ? removeLazyRule(of) : setLazyRule(of, wanted)),
    onSuccess: async (_, wanted) => {
      await queries.invalidateQueries({ queryKey: ['lazy', of.org] });
      done(wanted === null ? t.removed : t.saved);
    },
  });
  const isOn = change.isPending ? change.variables !== null : rule !== null;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        change.mutate(tags.trim());
      }}
    >
      <Stack gap="sm">
        {change.error !== null && <Problem error={change.error} />}
        <Switch
          label={t.on}
          description={mayManage ? undefined : frame.needs.manage}
          disabled={!mayManage}
          checked={isOn}
          onChange={(event) => change.mutate(event.currentTarget.checked ? tags.trim() : null)}
        />
        {isOn && (
          <Group align="flex-end" gap="xs">
            <TextInput
              label={t.tags}
              description={t.tagsHelp}
              placeholder="v*"
              value={tags}
              maxLength={PATTERN_MAX}
              readOnly={!mayManage}
              autoComplete="off"
              spellCheck={false}
              styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
              style={{ flex: '1 1 260px', maxWidth: 480 }}
              onChange={(event) => setTags(event.currentTarget.value)}
            />
            {mayManage && (
              <Button type="submit" variant="default" loading={change.isPending} disabled={tags.trim() === (kept ?? '')}>
                {t.save}
              </Button>
            )}
          </Group>
        )}
      </Stack>
    </form>
  );
}

/** The rule of the organization, which holds beside the image's own; told to those who may see it. */
function Inherited({ org }: { org: string }) {
  const t = accelerationTexts.use().lazyRule;
  const rule = useQuery({ ...lazyRuleQuery({ org }), retry: false }).data;
  if (rule === undefined || rule === null) return null;
  return (
    <Text size="sm">
      <Link to="/organizations/$org" params={{ org }} search={{ tab: 'rules' }} className="row-link">
        {t.inherited(org)}
      </Link>{' '}
      {rule.tags === '' ? t.allTags : <code>{rule.tags}</code>}
    </Text>
  );
}
