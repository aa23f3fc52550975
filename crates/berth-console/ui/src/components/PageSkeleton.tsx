import { Skeleton, Stack } from '@mantine/core';
import { frameTexts } from '../app/texts.frame';
import { useLate } from './useLate';

/** The shape of a page while it is on its way; nothing in the first moment, or every page would flicker. */
export function PageSkeleton() {
  const t = frameTexts.use();
  if (!useLate()) return null;
  return (
    <Stack className="page" role="status" aria-label={t.loading} gap="lg">
      <Skeleton h={28} w={220} />
      <Rows count={8} />
    </Stack>
  );
}

/** The shape of a list while it is on its way. */
export function Rows({ count }: { count: number }) {
  return (
    <Stack gap="xs" aria-hidden>
      {Array.from({ length: count }, (_, row) => (
        <Skeleton key={row} h={36} />
      ))}
    </Stack>
  );
}
