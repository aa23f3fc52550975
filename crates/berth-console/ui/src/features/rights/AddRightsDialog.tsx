import { MultiSelect, Radio, Select, Stack, Textarea } from '@mantine/core';
import '@mantine/core/styles/Pill.layer.css';
import '@mantine/core/styles/PillsInput.layer.css';
import '@mantine/core/styles/Radio.layer.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { useSession } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { FormDialog } from '../../components/FormDialog';
import * as notify from '../../components/notify';
import type { Right } from '../image/panel';
import { addRights, type Place, type Rights, rightsKey } from './place';
import { RIGHTS } from './RightsMatrix';
import { rightsTexts } from './texts';

/** Gives people a right here that have none yet: chosen by name by who may list them, by id by everybody else. */
export function AddRightsDialog({ place, rights, onClose }: { place: Place; rights: Rights; onClose: () => void }) {
  const t = rightsTexts.use();
  const frame = frameTexts.use();
  const queries = useQueryClient();
  const { administrator } = useSession();
  const [chosen, setChosen] = useState<string[]>([]);
  const [ids, setIds] = useState('');
  const [right, setRight] = useState<Right>('read');
  const typed = ids.split(/[\s,;]+/).filter((id) => id !== '');
  const wrong = typed.some((id) => !/^[0-9a-f]{32}$/.test(id));
  const people = administrator ? chosen : [...new Set(typed)];
  const asked = useMutation({
    mutationFn: () => addRights(place, people, right),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: rightsKey(place) });
      notify.done(t.dialog.added(people.length));
      onClose();
    },
  });
  const taken = new Set(rights.others.filter((holder) => holder.here !== undefined).map((holder) => holder.id));
  // Who manages a place has no use for a right of their own there, and on an image the API refuses it.
  taken.add(rights.self.id);
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.dialog.title}
      submit={t.dialog.submit}
      pending={asked.isPending}
      error={asked.error}
      blocked={people.length === 0 || wrong}
      onSubmit={(event) => {
        event.preventDefault();
        asked.mutate();
      }}
    >
      {administrator ? (
        <People taken={taken} chosen={chosen} onChange={setChosen} />
      ) : (
        <Textarea
          label={t.dialog.ids}
          description={t.dialog.idsHelp}
          value={ids}
          onChange={(event) => setIds(event.currentTarget.value)}
          error={wrong ? t.dialog.idsWrong : undefined}
          rows={2}
          spellCheck={false}
          data-autofocus
        />
      )}
      <Radio.Group label={t.dialog.right} value={right} onChange={(next) => setRight(next as Right)}>
        <Stack gap={6} mt={6}>
          {RIGHTS.map((one) => (
            <Radio key={one} value={one} label={frame.rights[one]} description={t.means[one]} />
          ))}
        </Stack>
      </Radio.Group>
    </FormDialog>
  );
}

function People({ taken, chosen, onChange }: { taken: Set<string>; chosen: string[]; onChange: (ids: string[]) => void }) {
  const t = rightsTexts.use();
  const users = useQuery({ queryKey: ['users'], queryFn: () => data(api.GET('/v3/users', {})) });
  const groups = useQuery({ queryKey: ['groups'], queryFn: () => data(api.GET('/v3/groups', {})) });
  const members = useMutation({
    mutationFn: (group_id: string) => data(api.GET('/v3/groups/{group_id}/users', { params: { path: { group_id } } })),
    onSuccess: ({ users: found }) => onChange([...new Set([...chosen, ...found.map((user) => user.id).filter((id) => !taken.has(id))])]),
    onError: notify.failed,
  });
  const free = users.data?.users.filter((user) => !taken.has(user.id)) ?? [];
  return (
    <>
      <MultiSelect
        label={t.dialog.users}
        description={t.dialog.usersHelp}
        placeholder={chosen.length === 0 ? t.dialog.usersPlaceholder : undefined}
        data={free.map((user) => ({ value: user.id, label: user.name }))}
        value={chosen}
        onChange={onChange}
        searchable
        limit={50}
        maxDropdownHeight={220}
        hidePickedOptions
        nothingFoundMessage={t.dialog.nobody}
        error={users.error?.message}
        data-autofocus
      />
      {groups.data !== undefined && groups.data.groups.length > 0 && (
        <Select
          label={t.dialog.groups}
          description={t.dialog.groupsHelp}
          data={groups.data.groups.map((group) => ({ value: group.id, label: group.name }))}
          value={null}
          onChange={(group) => group !== null && members.mutate(group)}
          searchable
          disabled={members.isPending}
        />
      )}
    </>
  );
}
