import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { Lock } from 'lucide-react';
import { ApiError } from '../api/errors';
import { errorTexts, explain } from '../app/errorTexts';
import { frameTexts } from '../app/texts.frame';
import { Empty } from './Empty';
import { NotFound } from './NotFound';
import { Problem } from './Problem';

/** What stands in place of a page that could not be shown: no right, nothing there, or what failed. */
export function PageError({ error: thrown, reset }: { error: unknown; reset?: () => void }) {
  const t = frameTexts.use();
  errorTexts.use();
  const router = useRouter();
  const queries = useQueryClient();
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const retry = () => {
    void queries.resetQueries();
    reset?.();
    void router.invalidate();
  };
  if (error instanceof ApiError && error.status === 404) return <NotFound />;
  if (error instanceof ApiError && error.status === 403) {
    return (
      <Empty icon={Lock} title={t.noRight} action={<Button variant="default" onClick={retry}>{t.retry}</Button>}>
        {`${explain(error)} ${t.noRightHelp}`}
      </Empty>
    );
  }
  return <Problem error={error} retry={retry} />;
}
