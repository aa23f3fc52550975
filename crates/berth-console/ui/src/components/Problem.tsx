import { Alert, Button, Text } from '@mantine/core';
import { CircleAlert } from 'lucide-react';
import { errorTexts, explain } from '../app/errorTexts';
import { ApiError } from '../api/errors';
import { frameTexts } from '../app/texts.frame';

/** What went wrong, in the reader's language where the code is known, with the id by which the operator finds it. */
export function Problem({ error, retry }: { error: Error; retry?: () => void }) {
  const t = frameTexts.use();
  errorTexts.use();
  const { requestId: id, detail } = error instanceof ApiError ? error : { requestId: '', detail: '' };
  return (
    <Alert color="red" variant="light" icon={<CircleAlert size={18} aria-hidden />} title={t.failed} role="alert">
      <Text size="sm">{explain(error)}</Text>
      {detail !== '' && (
        <Text size="sm" mt={4} lang="en" style={{ overflowWrap: 'anywhere' }}>
          {detail}
        </Text>
      )}
      {id !== '' && (
        <Text size="xs" c="dimmed" mt={4} className="mono">
          {t.requestId(id)}
        </Text>
      )}
      {retry !== undefined && (
        <Button size="xs" variant="default" mt="xs" onClick={retry}>
          {t.retry}
        </Button>
      )}
    </Alert>
  );
}
