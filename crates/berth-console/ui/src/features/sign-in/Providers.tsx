import { Alert, Button, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { CircleAlert } from 'lucide-react';
import { api, data } from '../../api/client';
import { basePath } from '../../api/base';
import { frameTexts } from '../../app/texts.frame';
import { signInTexts } from './texts';

/** The other ways in, and what became of the last try. Nothing when the registry has none. */
export function Providers({ next, refused }: { next: string; refused: unknown }) {
  const t = frameTexts.use();
  const words = signInTexts.use();
  const { data: buttons = [] } = useQuery({
    queryKey: ['sign-in'],
    queryFn: () => data(api.GET('/v2/manage/sign-in')),
  });
  const why = typeof refused === 'string' ? (words.refused[refused as keyof typeof words.refused] ?? words.refused.failed) : undefined;
  return (
    <>
      {why !== undefined && (
        <Alert color="red" variant="light" icon={<CircleAlert size={18} aria-hidden />} title={t.failed} role="alert" mb="sm">
          <Text size="sm">{why}</Text>
        </Alert>
      )}
      {buttons.length > 0 && (
        <Stack gap="sm" mb="md">
          {buttons.map(({ path, provider }) => (
            // A page of the server, not of the console: it leads to the provider.
            <Button key={path} component="a" variant="default" href={`${basePath}${path}?go_on=${encodeURIComponent(next)}`}>
              {words.with(provider)}
            </Button>
          ))}
          <Text size="sm" c="dimmed" ta="center">
            {words.or}
          </Text>
        </Stack>
      )}
    </>
  );
}
