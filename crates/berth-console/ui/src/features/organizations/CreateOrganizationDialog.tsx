import { Group, Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Check, CircleDashed } from 'lucide-react';
import { useState } from 'react';
import { api } from '../../api/client';
import { ApiError } from '../../api/errors';
import { isOrganizationName } from '../../app/names';
import { useRegistryAddress } from '../../app/registry';
import { FormDialog } from '../../components/FormDialog';
import * as notify from '../../components/notify';
import { organizationsTexts } from './texts';

/** Makes an organization; the rules of its name are judged as one types. */
export function CreateOrganizationDialog({ onClose }: { onClose: () => void }) {
  const t = organizationsTexts.use();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const { host } = useRegistryAddress();
  const [name, setName] = useState('');
  const asked = useMutation({
    mutationFn: () => api.POST('/v2/manage/namespaces', { body: { namespace: name } }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['organizations'] });
      void queries.invalidateQueries({ queryKey: ['dashboard'] });
      notify.done(t.new.created(name));
      void navigate({ to: '/organizations/$org', params: { org: name } });
    },
  });
  const exists = asked.error instanceof ApiError && asked.error.status === 409;
  const rules = [
    { label: t.new.rules.start, met: /^[a-z]/.test(name) },
    // Both rules about characters in one line: what is wrong is seen at once, since the name is short.
    { label: t.new.rules.characters, met: isOrganizationName(name.slice(0, 64)) },
    { label: t.new.rules.length, met: name.length > 0 && name.length <= 64 },
  ];
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.new.title}
      submit={t.new.submit}
      pending={asked.isPending}
      error={exists ? null : asked.error}
      blocked={!isOrganizationName(name)}
      onSubmit={(event) => {
        event.preventDefault();
        if (isOrganizationName(name)) asked.mutate();
      }}
    >
      <TextInput
        label={t.new.name}
        description={t.new.help}
        value={name}
        onChange={(event) => {
          setName(event.currentTarget.value.trim());
          asked.reset();
        }}
        error={exists ? t.new.exists(name) : undefined}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={80}
        data-autofocus
      />
      <ul style={{ listStyle: 'none', margin: 0, padding: 0 }}>
        {rules.map((rule) => (
          <Group key={rule.label} component="li" gap={8} wrap="nowrap" c={rule.met ? undefined : 'dimmed'}>
            {rule.met ? <Check size={15} aria-label={t.new.met} color="var(--mantine-color-teal-6)" /> : <CircleDashed size={15} aria-label={t.new.unmet} />}
            <Text size="sm">{rule.label}</Text>
          </Group>
        ))}
      </ul>
      {isOrganizationName(name) && (
        <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          {t.new.address(`${host}/${name}/…`)}
        </Text>
      )}
    </FormDialog>
  );
}
