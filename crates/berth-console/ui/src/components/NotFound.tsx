import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { Compass } from 'lucide-react';
import { frameTexts } from '../app/texts.frame';
import { Empty } from './Empty';

/** An address that leads nowhere, or to what is hidden from this reader. */
export function NotFound() {
  const t = frameTexts.use();
  return (
    <Empty icon={Compass} order={1} title={t.notFound} action={<Button component={Link} to="/">{t.home}</Button>}>
      {t.notFoundHelp}
    </Empty>
  );
}
