import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { CloudUpload } from 'lucide-react';
import { useEffect } from 'react';
import { useMaybeSession } from '../../app/session';
import { isSending, question, reset, restore, useUploads } from './queue';
import { uploadTexts } from './texts';

/** Running uploads in the top bar: they go on while one browses. */
export function UploadPill() {
  const t = uploadTexts.use();
  const person = useMaybeSession()?.user_id;
  const items = useUploads();
  // The queue outlives pages; it begins with who signs in and ends with them.
  useEffect(() => {
    if (person === undefined) return undefined;
    restore().catch(() => undefined);
    return reset;
  }, [person]);
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => {
      if (isSending()) event.preventDefault();
    };
    window.addEventListener('beforeunload', warn);
    return () => window.removeEventListener('beforeunload', warn);
  }, []);
  const open = items.filter((item) => !['ended', 'refused', 'detached'].includes(item.phase));
  if (open.length === 0) return null;
  const total = open.reduce((sum, item) => sum + item.size, 0);
  const sent = open.reduce((sum, item) => sum + item.sent, 0);
  const percent = total > 0 ? Math.floor((sent * 100) / total) : 0;
  const asks = open.some((item) => question(item) !== null);
  const told = asks ? t.pillAsks : t.pill(open.length, percent);
  return (
    <Button
      component={Link}
      to="/uploads"
      size="xs"
      radius="xl"
      variant="light"
      color={asks ? 'yellow' : undefined}
      leftSection={<CloudUpload size={15} aria-hidden />}
      aria-label={told}
    >
      {asks ? '?' : `${percent} %`}
    </Button>
  );
}
