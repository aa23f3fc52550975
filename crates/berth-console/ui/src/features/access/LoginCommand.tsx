import { Alert, Modal, SegmentedControl, Stack, Text } from '@mantine/core';
import '@mantine/core/styles/FloatingIndicator.layer.css';
import '@mantine/core/styles/SegmentedControl.layer.css';
import { useQuery } from '@tanstack/react-query';
import { TriangleAlert } from 'lucide-react';
import { useState } from 'react';
import { useSession } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { KeyLogin } from './login/KeyLogin';
import { TemporaryLogin } from './login/TemporaryLogin';
import { loginTexts } from './login/texts';
import { userQuery } from './users';

/**
 * Makes a login for any client, temporary or long-term, and writes the commands. `image` (`team/app:v1`) is what they pull and
 * push; a placeholder otherwise. To be loaded lazily: `LoginCommandButton` does.
 */
export function LoginCommand({ image }: { image?: string | undefined }) {
  const t = loginTexts.use();
  const session = useSession();
  const user = useQuery(userQuery(session.user_id));
  const [kind, setKind] = useState<'temporary' | 'key'>('temporary');
  return (
    <Stack gap="md">
      {user.data?.access_mode === 'console' && (
        <Alert color="yellow" variant="light" icon={<TriangleAlert size={18} aria-hidden />}>
          {t.consoleOnly}
        </Alert>
      )}
      <div>
        <SegmentedControl
          aria-label={t.kind}
          value={kind}
          onChange={(next) => setKind(next === 'key' ? 'key' : 'temporary')}
          data={[
            { value: 'temporary', label: t.temporary },
            { value: 'key', label: t.longTerm },
          ]}
        />
        <Text size="sm" c="dimmed" mt="xs">
          {kind === 'temporary' ? t.temporaryHelp : t.longTermHelp}
        </Text>
      </div>
      {kind === 'temporary' ? <TemporaryLogin image={image} /> : <KeyLogin image={image} />}
    </Stack>
  );
}

/** The same over a page. */
export function LoginCommandDialog({ image, onClose }: { image?: string | undefined; onClose: () => void }) {
  const t = loginTexts.use();
  const frame = frameTexts.use();
  return (
    <Modal opened onClose={onClose} title={t.title} size="xl" closeButtonProps={{ 'aria-label': frame.close }}>
      <LoginCommand image={image} />
    </Modal>
  );
}
