import { Select, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { FormDialog } from '../../components/FormDialog';
import { done } from '../../components/notify';
import { isAddress } from './address';
import { type Login, LoginFields, loginOf, NO_LOGIN } from './LoginFields';
import type { Mirror } from './MirrorsPage';
import { settingsTexts } from './texts';

/** Sets a mirror up, or changes one. */
export function MirrorDialog({ mirror, onClose }: { mirror?: Mirror; onClose: () => void }) {
  const all = settingsTexts.use();
  const t = all.mirrors.form;
  const queries = useQueryClient();
  const [name, setName] = useState(mirror?.name ?? '');
  const [registry, setRegistry] = useState(mirror?.registry ?? '');
  const [address, setAddress] = useState(mirror?.url ?? '');
  const [organization, setOrganization] = useState(mirror?.namespace ?? '');
  const [login, setLogin] = useState<Login>(NO_LOGIN);
  const [told, setTold] = useState(false);
  const organizations = useQuery({ queryKey: ['organizations', 'names'], queryFn: () => data(api.GET('/v2/manage/namespaces')), enabled: mirror === undefined }).data?.namespaces ?? [];
  const saved = useMutation({
    mutationFn: () => {
      const body = { registry, ...(address === '' ? {} : { url: address }), ...loginOf(login) };
      if (mirror === undefined) return data(api.POST('/v2/manage/mirrors', { body: { ...body, name, namespace: organization } }));
      return data(api.PATCH('/v2/manage/mirrors/{mirror}', { params: { path: { mirror: mirror.name } }, body }));
    },
    onSuccess: () => {
      done(mirror === undefined ? t.added(name) : t.saved(name));
      void queries.invalidateQueries({ queryKey: ['mirrors'] });
      onClose();
    },
  });
  const needed = (text: string) => (told && text === '' ? all.required : undefined);
  const isWhole = name !== '' && registry !== '' && organization !== '' && (address === '' || isAddress(address));
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={mirror === undefined ? t.add : t.change(mirror.name)}
      submit={mirror === undefined ? t.submit : t.save}
      pending={saved.isPending}
      error={saved.error}
      onSubmit={(event) => {
        event.preventDefault();
        setTold(true);
        if (isWhole) saved.mutate();
      }}
    >
      <TextInput label={t.name} value={name} disabled={mirror !== undefined} autoComplete="off" error={needed(name)} onChange={(event) => setName(event.currentTarget.value.trim())} />
      <TextInput label={t.registry} description={t.registryHelp} placeholder="docker.io" value={registry} autoComplete="off" error={needed(registry)} onChange={(event) => setRegistry(event.currentTarget.value.trim())} />
      <TextInput
        label={t.address}
        description={t.addressHelp}
        value={address}
        autoComplete="off"
        error={address !== '' && !isAddress(address) ? all.addressWrong : undefined}
        onChange={(event) => setAddress(event.currentTarget.value.trim())}
      />
      <Select
        label={t.organization}
        description={t.organizationHelp}
        value={organization === '' ? null : organization}
        disabled={mirror !== undefined}
        searchable
        data={mirror === undefined ? organizations.map((one) => one.name) : [mirror.namespace]}
        error={needed(organization)}
        onChange={(next) => setOrganization(next ?? '')}
      />
      <LoginFields login={login} onChange={setLogin} kept={mirror !== undefined} />
    </FormDialog>
  );
}
