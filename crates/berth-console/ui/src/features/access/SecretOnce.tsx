import { Alert, Button, Stack, Text } from '@mantine/core';
import { Download, KeyRound } from 'lucide-react';
import { saveCsv } from '../../app/csv';
import { CommandBox } from '../../components/CommandBox';
import type { NewKey } from './keys';
import { accessTexts } from './texts';

/** A key that was just made: its secret to copy and to keep as a file, both for the only time. */
export function SecretOnce({ made, user }: { made: NewKey; user: string }) {
  const t = accessTexts.use();
  const save = () =>
    saveCsv(`credentials-${made.access}.csv`, [
      ['User Name', 'Access Key Id', 'Secret Access Key'],
      [user, made.access, made.secret],
    ]);
  return (
    <Alert color="tide" variant="light" icon={<KeyRound size={18} aria-hidden />} title={t.once.title}>
      <Stack gap="xs">
        <Text size="sm">{t.once.help}</Text>
        <Named label={t.once.access} value={made.access} />
        <Named label={t.once.secret} value={made.secret} />
        <Button variant="default" size="xs" leftSection={<Download size={14} aria-hidden />} onClick={save} style={{ alignSelf: 'flex-start' }}>
          {t.once.download}
        </Button>
      </Stack>
    </Alert>
  );
}

function Named({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <Text size="sm" fw={600} mb={2}>
        {label}
      </Text>
      <CommandBox command={value} what={label} />
    </div>
  );
}
