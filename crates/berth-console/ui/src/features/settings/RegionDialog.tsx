import { Checkbox, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { FormDialog } from '../../components/FormDialog';
import { done } from '../../components/notify';
import type { Region } from '../sync/api';
import { isAddress } from './address';
import { type Login, LoginFields, loginOf, NO_LOGIN } from './LoginFields';
import { settingsTexts } from './texts';

/** Registers a region or changes one; it is asked what it is first, and what was found stands in the form. */
export function RegionDialog({ region, onClose }: { region?: Region; onClose: () => void }) {
  const all = settingsTexts.use();
  const t = all.regions.form;
  const queries = useQueryClient();
  const [name, setName] = useState(region?.regionID ?? '');
  const [address, setAddress] = useState(region?.registryURL ?? '');
  const [login, setLogin] = useState<Login>(NO_LOGIN);
  // Nothing typed leaves the authority of a region that is there as it is.
  const [authority, setAuthority] = useState('');
  const [unchecked, setUnchecked] = useState(false);
  const [told, setTold] = useState(false);
  const saved = useMutation({
    mutationFn: () => {
      const body = { registryURL: address, unchecked, ...loginOf(login), ...(authority === '' ? {} : { certificate_authority: authority }) };
      if (region === undefined) return data(api.POST('/v2/manage/regions', { body: { ...body, regionID: name } }));
      return data(api.PATCH('/v2/manage/regions/{region_id}', { params: { path: { region_id: region.regionID } }, body }));
    },
    onSuccess: (found) => {
      done([region === undefined ? t.added(found.regionID) : t.saved(found.regionID), found.finding ?? ''].filter((word) => word !== '').join('. '));
      void queries.invalidateQueries({ queryKey: ['regions'] });
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={region === undefined ? t.add : t.change(region.regionID)}
      submit={region === undefined ? t.submit : t.save}
      size="lg"
      pending={saved.isPending}
      error={saved.error}
      onSubmit={(event) => {
        event.preventDefault();
        setTold(true);
        if (name !== '' && isAddress(address)) saved.mutate();
      }}
    >
      <TextInput
        label={t.name}
        description={t.nameHelp}
        placeholder="east-1"
        value={name}
        disabled={region !== undefined}
        data-autofocus={region === undefined ? true : undefined}
        autoComplete="off"
        error={told && name === '' ? all.required : undefined}
        onChange={(event) => setName(event.currentTarget.value.trim())}
      />
      <TextInput
        label={t.address}
        placeholder="https://registry.east-1.example"
        value={address}
        autoComplete="off"
        error={(told || address !== '') && !isAddress(address) ? all.addressWrong : undefined}
        onChange={(event) => setAddress(event.currentTarget.value.trim())}
      />
      <LoginFields login={login} onChange={setLogin} kept={region !== undefined} />
      <Textarea
        label={all.authority}
        description={region === undefined ? all.authorityHelp : all.login.keep}
        placeholder="-----BEGIN CERTIFICATE-----"
        rows={3}
        value={authority}
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: 12 } }}
        onChange={(event) => setAuthority(event.currentTarget.value)}
      />
      <Checkbox label={all.unchecked} checked={unchecked} onChange={(event) => setUnchecked(event.currentTarget.checked)} />
    </FormDialog>
  );
}
