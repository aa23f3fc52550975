import { Alert } from '@mantine/core';
import { onlineManager } from '@tanstack/react-query';
import { WifiOff } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { frameTexts } from '../app/texts.frame';

/** Says that the connection is gone, as long as it is. */
export function Offline() {
  const t = frameTexts.use();
  const online = useSyncExternalStore(
    (listener) => onlineManager.subscribe(listener),
    () => onlineManager.isOnline(),
  );
  if (online) return null;
  return (
    <Alert color="yellow" icon={<WifiOff size={18} aria-hidden />} mb="md" role="status">
      {t.offline}
    </Alert>
  );
}
