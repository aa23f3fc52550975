import { Button, Checkbox, FileButton, Group, PasswordInput, SegmentedControl, Stack, TagsInput, Text, Textarea, TextInput } from '@mantine/core';
import '@mantine/core/styles/FloatingIndicator.layer.css';
import '@mantine/core/styles/Pill.layer.css';
import '@mantine/core/styles/PillsInput.layer.css';
import '@mantine/core/styles/SegmentedControl.layer.css';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { FileUp } from 'lucide-react';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { frameTexts } from '../../app/texts.frame';
import { FormDialog } from '../../components/FormDialog';
import { done } from '../../components/notify';
import { isAddress } from './address';
import type { Cluster } from './ClustersPage';
import { settingsTexts } from './texts';

/** How the login comes: as a kubeconfig, as address and token, or, of a cluster that is there, not at all. */
type Way = 'kubeconfig' | 'token' | 'keep';

interface Draft {
  way: Way;
  name: string;
  namespaces: string[];
  kubeconfig: string;
  context: string;
  server: string;
  authority: string;
  token: string;
  unchecked: boolean;
}

function loginOf(draft: Draft) {
  if (draft.way === 'keep') return {};
  if (draft.way === 'kubeconfig') return { kubeconfig: draft.kubeconfig, ...(draft.context === '' ? {} : { context: draft.context }) };
  return { server: draft.server, certificate_authority: draft.authority, token: draft.token };
}

function isWhole(draft: Draft): boolean {
  const login = draft.way === 'keep' || (draft.way === 'kubeconfig' ? draft.kubeconfig.trim() !== '' : isAddress(draft.server) && draft.token !== '');
  return draft.name.trim() !== '' && login;
}

/** Registers a cluster or changes one; it is tested first, and what was found wrong stands in the form. */
export function ClusterDialog({ cluster, onClose }: { cluster?: Cluster; onClose: () => void }) {
  const all = settingsTexts.use();
  const t = all.clusters.form;
  const queries = useQueryClient();
  const [told, setTold] = useState(false);
  const [draft, setDraft] = useState<Draft>({
    way: cluster === undefined ? 'kubeconfig' : 'keep',
    name: cluster?.cluster_name ?? '',
    namespaces: cluster?.namespaces ?? [],
    kubeconfig: '',
    context: '',
    server: cluster?.server ?? '',
    authority: cluster?.certificate_authority ?? '',
    token: '',
    unchecked: false,
  });
  const set = (change: Partial<Draft>) => setDraft({ ...draft, ...change });
  const saved = useMutation({
    mutationFn: () => {
      const body = { cluster_name: draft.name.trim(), namespaces: draft.namespaces, ...loginOf(draft) };
      const query = draft.unchecked ? { unchecked: true } : {};
      if (cluster === undefined) return data(api.POST('/v2/manage/clusters', { params: { query }, body }));
      return data(api.PATCH('/v2/manage/clusters/{cluster_id}', { params: { path: { cluster_id: cluster.cluster_id }, query }, body }));
    },
    onSuccess: (found) => {
      done(`${cluster === undefined ? t.added(found.cluster_name) : t.saved(found.cluster_name)}. ${found.problem === '' ? all.clusters.ok(found.cluster_name, found.version) : found.problem}`);
      void queries.invalidateQueries({ queryKey: ['clusters'] });
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={cluster === undefined ? t.add : t.change(cluster.cluster_name)}
      submit={cluster === undefined ? t.submit : t.save}
      size="lg"
      pending={saved.isPending}
      error={saved.error}
      onSubmit={(event) => {
        event.preventDefault();
        setTold(true);
        if (isWhole(draft)) saved.mutate();
      }}
    >
      <TextInput
        label={t.name}
        description={t.nameHelp}
        value={draft.name}
        data-autofocus
        autoComplete="off"
        error={told && draft.name.trim() === '' ? all.required : undefined}
        onChange={(event) => set({ name: event.currentTarget.value })}
      />
      <TagsInput label={t.namespaces} description={t.namespacesHelp} value={draft.namespaces} splitChars={[',', ' ', '，']} onChange={(namespaces) => set({ namespaces })} />
      <div>
        <Text size="sm" fw={600} mb={4}>
          {t.by}
        </Text>
        <SegmentedControl
          aria-label={t.by}
          value={draft.way}
          onChange={(way) => set({ way: way as Way })}
          data={[
            ...(cluster === undefined ? [] : [{ value: 'keep', label: t.keep }]),
            { value: 'kubeconfig', label: t.kubeconfig },
            { value: 'token', label: t.token },
          ]}
        />
      </div>
      <Login draft={draft} set={set} told={told} />
      <Checkbox label={all.unchecked} checked={draft.unchecked} onChange={(event) => set({ unchecked: event.currentTarget.checked })} />
    </FormDialog>
  );
}

function Login({ draft, set, told }: { draft: Draft; set: (change: Partial<Draft>) => void; told: boolean }) {
  const all = settingsTexts.use();
  const t = all.clusters.form;
  const frame = frameTexts.use();
  if (draft.way === 'keep') return null;
  if (draft.way === 'token') {
    return (
      <Stack gap="sm">
        <TextInput
          label={t.server}
          placeholder="https://10.0.0.1:6443"
          value={draft.server}
          autoComplete="off"
          error={(told || draft.server !== '') && !isAddress(draft.server) ? all.addressWrong : undefined}
          onChange={(event) => set({ server: event.currentTarget.value })}
        />
        <Textarea
          label={all.authority}
          description={all.authorityHelp}
          placeholder="-----BEGIN CERTIFICATE-----"
          value={draft.authority}
          rows={4}
          styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: 12 } }}
          onChange={(event) => set({ authority: event.currentTarget.value })}
        />
        <PasswordInput
          label={t.bearer}
          description={t.sealed}
          value={draft.token}
          autoComplete="off"
          visibilityToggleButtonProps={{ 'aria-label': frame.show }}
          error={told && draft.token === '' ? all.required : undefined}
          onChange={(event) => set({ token: event.currentTarget.value.trim() })}
        />
      </Stack>
    );
  }
  return (
    <Stack gap="sm">
      <Textarea
        label={t.text}
        description={t.textHelp}
        placeholder="apiVersion: v1&#10;kind: Config"
        value={draft.kubeconfig}
        rows={8}
        spellCheck={false}
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: 12 } }}
        error={told && draft.kubeconfig.trim() === '' ? all.required : undefined}
        onChange={(event) => set({ kubeconfig: event.currentTarget.value })}
      />
      <Group align="flex-end">
        <FileButton onChange={(file) => void file?.text().then((kubeconfig) => set({ kubeconfig }))}>
          {(props) => (
            <Button variant="default" leftSection={<FileUp size={15} aria-hidden />} {...props}>
              {t.file}
            </Button>
          )}
        </FileButton>
        <TextInput label={t.context} placeholder={t.contextHelp} value={draft.context} autoComplete="off" onChange={(event) => set({ context: event.currentTarget.value })} />
      </Group>
    </Stack>
  );
}
