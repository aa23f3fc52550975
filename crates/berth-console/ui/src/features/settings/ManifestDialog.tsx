import { Modal, Stack, TagsInput, Text, TextInput } from '@mantine/core';
import '@mantine/core/styles/Pill.layer.css';
import '@mantine/core/styles/PillsInput.layer.css';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { frameTexts } from '../../app/texts.frame';
import { CommandBox } from '../../components/CommandBox';
import { Problem } from '../../components/Problem';
import { settingsTexts } from './texts';

/** The rights that Berth needs in a cluster, to copy. */
export function ManifestDialog({ onClose }: { onClose: () => void }) {
  const all = settingsTexts.use();
  const t = all.clusters.rights;
  const [namespaces, setNamespaces] = useState<string[]>([]);
  const [account, setAccount] = useState('');
  const [wanted] = useDebouncedValue(account.trim(), 300);
  const manifest = useQuery({
    queryKey: ['clusters', 'manifest', namespaces, wanted],
    queryFn: () => {
      const query = { ...(namespaces.length === 0 ? {} : { namespaces: namespaces.join(',') }), ...(wanted === '' ? {} : { account_namespace: wanted }) };
      return data(api.GET('/v2/manage/clusters/manifest', { params: { query } }));
    },
  });
  const home = wanted || namespaces[0] || 'default';
  return (
    <Modal opened onClose={onClose} title={t.title} size="xl" closeButtonProps={{ 'aria-label': frameTexts.now().close }}>
      <Stack gap="sm">
        <Text size="sm">{t.help}</Text>
        <TagsInput label={all.clusters.form.namespaces} description={all.clusters.form.namespacesHelp} value={namespaces} splitChars={[',', ' ', '，']} onChange={setNamespaces} />
        <TextInput label={t.account} description={t.accountHelp} value={account} autoComplete="off" onChange={(event) => setAccount(event.currentTarget.value)} />
        {manifest.error !== null && <Problem error={manifest.error} />}
        {manifest.data !== undefined && (
          <div style={{ maxHeight: 320, overflow: 'auto' }} tabIndex={0} role="group" aria-label={t.what}>
            <CommandBox command={manifest.data.manifest} what={t.what} />
          </div>
        )}
        <Text size="sm" fw={600}>
          {t.apply}
        </Text>
        <CommandBox command="kubectl apply -f berth-rights.yaml" what="kubectl apply" />
        <Text size="sm" fw={600}>
          {t.token}
        </Text>
        <CommandBox command={`kubectl create token berth -n ${home} --duration 8760h`} what="kubectl create token" />
      </Stack>
    </Modal>
  );
}
