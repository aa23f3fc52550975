import { Button, Group, Stack, Switch, TagsInput, Text, TextInput } from '@mantine/core';
import '@mantine/core/styles/Pill.layer.css';
import '@mantine/core/styles/PillsInput.layer.css';
import '@mantine/core/styles/Switch.layer.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { frameTexts } from '../../app/texts.frame';
import { Ask } from '../../components/Ask';
import { done } from '../../components/notify';
import { Panel } from '../../components/Panel';
import { Problem } from '../../components/Problem';
import { labelled, labelsOf } from '../agents/agents';
import { type Place, type PreheatRule, preheatRuleQuery, setPreheatRule, type WantedRule } from './api';
import { accelerationTexts } from './texts';

/** The most characters of a pattern. */
const PATTERN_MAX = 256;

/** Which pushes of an image, or to an organization, go to which nodes. */
export function PreheatRulePanel({ of, mayManage }: { of: Place; mayManage: boolean }) {
  const t = accelerationTexts.use().preheatRule;
  const rule = useQuery(preheatRuleQuery(of));
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

function Form({ of, rule, mayManage }: { of: Place; rule: PreheatRule | null; mayManage: boolean }) {
  const t = accelerationTexts.use().preheatRule;
  const words = accelerationTexts.use().preheats.form;
  const frame = frameTexts.use();
  const queries = useQueryClient();
  const kept = JSON.stringify({ tags: rule?.tags ?? '', labels: labelsOf(rule?.nodes.labels ?? {}) });
  const [tags, setTags] = useState('');
  const [typed, setTyped] = useState<string[]>([]);
  // Changed elsewhere, too.
  useEffect(() => {
    const now = JSON.parse(kept) as { tags: string; labels: string[] };
    setTags(now.tags);
    setTyped(now.labels);
  }, [kept]);
  const labels = labelled(typed);
  const change = useMutation({
    mutationFn: (wanted: WantedRule) => setPreheatRule(of, wanted),
    onSuccess: async (_, wanted) => {
      await queries.invalidateQueries({ queryKey: ['preheats', of.org] });
      done(wanted.enabled ? t.saved : t.off);
    },
  });
  const isOn = change.isPending ? change.variables.enabled : rule?.enabled === true;
  const send = (enabled: boolean) => labels !== undefined && change.mutate({ enabled, tags: tags.trim(), nodes: { labels } });
  const isSame = JSON.stringify({ tags: tags.trim(), labels: labelsOf(labels ?? {}) }) === kept;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        send(true);
      }}
    >
      <Stack gap="sm">
        {change.error !== null && <Problem error={change.error} />}
        <Switch label={t.on} description={mayManage ? undefined : frame.needs.manage} disabled={!mayManage} checked={isOn} onChange={(event) => send(event.currentTarget.checked)} />
        {isOn && (
          <Group align="flex-start" gap="xs">
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
            <TagsInput
              label={words.labels}
              description={t.labelsHelp}
              placeholder={typed.length === 0 ? 'zone=a' : ''}
              value={typed}
              readOnly={!mayManage}
              splitChars={[',', ' ', '，']}
              acceptValueOnBlur
              error={labels === undefined ? words.labelsWrong : undefined}
              style={{ flex: '1 1 260px', maxWidth: 480 }}
              onChange={setTyped}
            />
            {mayManage && (
              <Button type="submit" variant="default" loading={change.isPending} disabled={isSame || labels === undefined} style={{ alignSelf: 'flex-end' }}>
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
  const t = accelerationTexts.use().preheatRule;
  const rule = useQuery({ ...preheatRuleQuery({ org }), retry: false }).data;
  if (rule === undefined || rule === null || !rule.enabled) return null;
  return (
    <Text size="sm">
      <Link to="/organizations/$org" params={{ org }} search={{ tab: 'rules' }} className="row-link">
        {t.inherited(org)}
      </Link>{' '}
      {rule.tags === '' ? t.allTags : <code>{rule.tags}</code>}
    </Text>
  );
}
