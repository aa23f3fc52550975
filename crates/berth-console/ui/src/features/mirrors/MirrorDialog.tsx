import { Fieldset, Select, SimpleGrid, Stack, Switch, Textarea, TextInput } from '@mantine/core';
import '@mantine/core/styles/Fieldset.layer.css';
import '@mantine/core/styles/Switch.layer.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { FormDialog } from '../../components/FormDialog';
import { done } from '../../components/notify';
import { BytesField } from '../quotas/BytesField';
import { isAddress } from '../settings/address';
import { LoginFields } from '../settings/LoginFields';
import { settingsTexts } from '../settings/texts';
import type { Mirror } from './api';
import { bodyOf, type Draft, draftOf, isWhole, recheckOf, sizeOf } from './draft';
import { mirrorTexts } from './texts';

const monospaced = { input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: 12 } };

type Set = (change: Partial<Draft>) => void;

/** Sets a mirror up, or changes one. */
export function MirrorDialog({ mirror, onClose }: { mirror?: Mirror; onClose: () => void }) {
  const t = mirrorTexts.use().form;
  const all = settingsTexts.use();
  const queries = useQueryClient();
  const [draft, setDraft] = useState<Draft>(() => draftOf(mirror));
  const [told, setTold] = useState(false);
  const set: Set = (change) => setDraft({ ...draft, ...change });
  const saved = useMutation({
    mutationFn: () => {
      if (mirror === undefined) return data(api.POST('/v2/manage/mirrors', { body: { ...bodyOf(draft), name: draft.name, namespace: draft.organization } }));
      return data(api.PATCH('/v2/manage/mirrors/{mirror}', { params: { path: { mirror: mirror.name } }, body: bodyOf(draft) }));
    },
    onSuccess: () => {
      done(mirror === undefined ? t.added(draft.name) : t.saved(draft.name));
      void queries.invalidateQueries({ queryKey: ['mirrors'] });
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={mirror === undefined ? t.add : t.change(mirror.name)}
      submit={mirror === undefined ? t.submit : t.save}
      size="lg"
      pending={saved.isPending}
      error={saved.error}
      onSubmit={(event) => {
        event.preventDefault();
        setTold(true);
        if (isWhole(draft)) saved.mutate();
      }}
    >
      <Names draft={draft} set={set} told={told} isNew={mirror === undefined} />
      <Switch label={t.public} description={t.publicHelp} checked={draft.isPublic} onChange={(event) => set({ isPublic: event.currentTarget.checked })} />
      <Switch label={t.enabled} checked={draft.enabled} onChange={(event) => set({ enabled: event.currentTarget.checked })} />
      <Fieldset legend={t.login}>
        <Stack gap="sm">
          <LoginFields login={draft.login} onChange={(login) => set({ login })} kept={mirror?.has_login === true} />
          <Textarea
            label={all.authority}
            description={all.authorityHelp}
            placeholder="-----BEGIN CERTIFICATE-----"
            rows={3}
            spellCheck={false}
            value={draft.authority}
            styles={monospaced}
            onChange={(event) => set({ authority: event.currentTarget.value })}
          />
        </Stack>
      </Fieldset>
      <Kept draft={draft} set={set} />
    </FormDialog>
  );
}

function Names({ draft, set, told, isNew }: { draft: Draft; set: Set; told: boolean; isNew: boolean }) {
  const t = mirrorTexts.use().form;
  const all = settingsTexts.use();
  const organizations = useQuery({ queryKey: ['organizations', 'names'], queryFn: () => data(api.GET('/v2/manage/namespaces')), enabled: isNew }).data?.namespaces ?? [];
  const needed = (text: string) => (told && text === '' ? all.required : undefined);
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm" style={{ alignItems: 'start' }}>
      <TextInput label={t.name} description={t.nameHelp} value={draft.name} disabled={!isNew} autoComplete="off" error={needed(draft.name)} onChange={(event) => set({ name: event.currentTarget.value.trim() })} />
      <Select
        label={t.organization}
        description={t.organizationHelp}
        value={draft.organization === '' ? null : draft.organization}
        disabled={!isNew}
        searchable
        data={isNew ? organizations.map((one) => one.name) : [draft.organization]}
        error={needed(draft.organization)}
        onChange={(next) => set({ organization: next ?? '' })}
      />
      <TextInput
        label={t.registry}
        description={t.registryHelp}
        placeholder="docker.io"
        value={draft.registry}
        autoComplete="off"
        error={needed(draft.registry)}
        onChange={(event) => set({ registry: event.currentTarget.value.trim() })}
      />
      <TextInput
        label={t.address}
        description={t.addressHelp}
        placeholder="https://registry-1.docker.io"
        value={draft.address}
        autoComplete="off"
        error={draft.address !== '' && !isAddress(draft.address) ? all.addressWrong : undefined}
        onChange={(event) => set({ address: event.currentTarget.value.trim() })}
      />
    </SimpleGrid>
  );
}

function Kept({ draft, set }: { draft: Draft; set: Set }) {
  const t = mirrorTexts.use().form;
  const size = sizeOf(draft);
  const patterns = (label: string, description: string, value: string, onChange: (text: string) => void) => (
    <Textarea label={label} description={description} rows={2} spellCheck={false} value={value} styles={monospaced} onChange={(event) => onChange(event.currentTarget.value)} />
  );
  return (
    <Fieldset legend={t.kept}>
      <Stack gap="sm">
        <TextInput
          label={t.recheck}
          description={t.recheckHelp}
          inputMode="numeric"
          autoComplete="off"
          value={draft.recheck}
          error={recheckOf(draft) === undefined ? t.recheckWrong : undefined}
          onChange={(event) => set({ recheck: event.currentTarget.value.trim() })}
        />
        <BytesField label={t.size} help={t.sizeHelp} problem={size === undefined ? t.sizeWrong : undefined} value={draft.size} onChange={(next) => set({ size: next })} />
        {patterns(t.keep, t.keepHelp, draft.keep, (keep) => set({ keep }))}
        {patterns(t.prefetch, t.prefetchHelp, draft.prefetch, (ahead) => set({ prefetch: ahead }))}
      </Stack>
    </Fieldset>
  );
}
