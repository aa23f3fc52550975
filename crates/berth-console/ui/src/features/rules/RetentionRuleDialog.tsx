import { Paper, Stack, Switch, Table, Text, TextInput } from '@mantine/core';
import '@mantine/core/styles/Switch.layer.css';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { count } from '../../app/format';
import { FormDialog } from '../../components/FormDialog';
import { done } from '../../components/notify';
import { Problem } from '../../components/Problem';
import { isWhole } from '../retention/policy';
import { Sentence } from '../retention/Sentence';
import { bodyOf, formOf, NEW_RULE, type OrganizationPreview, type OrganizationRule, previewQuery, type RuleDraft, saveRule } from './api';
import { rulesTexts } from './texts';

/** Makes or changes a retention rule of an organization, and shows what all rules do together with it. */
export function RetentionRuleDialog({ org, rule, rules, onClose }: { org: string; rule?: OrganizationRule | undefined; rules: OrganizationRule[]; onClose: () => void }) {
  const t = rulesTexts.use().dialog;
  const queries = useQueryClient();
  const [draft, setDraft] = useState<RuleDraft>(rule === undefined ? NEW_RULE : formOf(rule));
  const [steady] = useDebouncedValue(draft, 300);
  const set = (change: Partial<RuleDraft>) => setDraft({ ...draft, ...change });
  const whole = isWhole(steady.sentence);
  const others = rules.filter((one) => one.id !== rule?.id).map((one) => bodyOf(formOf(one)));
  const preview = useQuery({ ...previewQuery(org, [...others, bodyOf(steady)]), enabled: whole });
  const goes = whole && steady === draft && !preview.isPlaceholderData ? preview.data?.totals.deleted : undefined;
  const saved = useMutation({
    mutationFn: () => saveRule(org, rule?.id, draft),
    onSuccess: () => {
      done(t.saved);
      void queries.invalidateQueries({ queryKey: ['retention'] });
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={rule === undefined ? t.add : t.change}
      submit={goes === undefined || goes === 0 ? t.save : t.deletes(count(goes))}
      size="xl"
      pending={saved.isPending}
      error={saved.error}
      blocked={!isWhole(draft.sentence) || goes === undefined}
      onSubmit={(event) => {
        event.preventDefault();
        saved.mutate();
      }}
    >
      <Sentence draft={draft.sentence} onChange={(sentence) => set({ sentence })} />
      <TextInput label={t.images} description={t.imagesHelp} placeholder="web/**" value={draft.images} maxLength={256} autoComplete="off" onChange={(event) => set({ images: event.currentTarget.value })} />
      <TextInput label={t.tags} description={t.tagsHelp} placeholder="dev-*" value={draft.tags} maxLength={256} autoComplete="off" onChange={(event) => set({ tags: event.currentTarget.value })} />
      <Switch label={t.enabled} checked={draft.enabled} onChange={(event) => set({ enabled: event.currentTarget.checked })} />
      <Paper withBorder p="sm" component="section" aria-label={t.preview}>
        <Stack gap="xs">
          <Text fw={600}>{t.preview}</Text>
          {!whole && (
            <Text size="sm" c="dimmed">
              {t.wait}
            </Text>
          )}
          {whole && preview.error !== null && <Problem error={preview.error} />}
          {whole && preview.error === null && preview.data !== undefined && <Together preview={preview.data} />}
        </Stack>
      </Paper>
    </FormDialog>
  );
}

function Together({ preview }: { preview: OrganizationPreview }) {
  const t = rulesTexts.use().dialog;
  const { totals, repos } = preview;
  const acting = repos.filter((one) => one.totals.deleted > 0);
  return (
    <>
      <Text size="sm" fw={600} aria-live="polite">
        {t.counts(count(totals.deleted), count(totals.tags - totals.deleted))}
      </Text>
      {preview.nextMarker !== null && preview.nextMarker !== undefined && (
        <Text size="xs" c="dimmed">
          {t.page(repos.length)}
        </Text>
      )}
      {acting.length === 0 ? (
        <Text size="sm" c="dimmed">
          {t.nothing}
        </Text>
      ) : (
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t.image}</Table.Th>
              <Table.Th>{t.goes}</Table.Th>
              <Table.Th ta="end">{t.stays}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {acting.map((one) => (
              <Table.Tr key={one.repository}>
                <Table.Td>
                  {one.repository}
                  {one.own && (
                    <Text size="xs" c="dimmed">
                      {t.own}
                    </Text>
                  )}
                </Table.Td>
                <Table.Td style={{ overflowWrap: 'anywhere' }}>
                  <Text span fw={600}>
                    {count(one.totals.deleted)}
                  </Text>{' '}
                  <Text span size="xs" c="dimmed" className="mono">
                    {one.tags.slice(0, 6).map((tag) => tag.tag).join(', ')}
                    {one.totals.deleted > 6 ? ', …' : ''}
                  </Text>
                </Table.Td>
                <Table.Td ta="end" className="tabular">
                  {count(one.totals.tags - one.totals.deleted)}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </>
  );
}
