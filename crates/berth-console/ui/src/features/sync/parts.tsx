import { Badge, Group, Progress, Text, Tooltip } from '@mantine/core';
import '@mantine/core/styles/Progress.layer.css';
import { bytes, relative } from '../../app/format';
import type { Copy, Destination } from './api';
import { syncTexts } from './texts';

const COLOR: Record<string, string> = { success: 'teal', existed: 'teal', running: 'tide', waiting: 'gray', failed: 'red', timeout: 'red', cancel: 'gray' };

/** How a copy stands, with the reason. */
export function CopyBadge({ status, detail = '' }: { status: string; detail?: string }) {
  const t = syncTexts.use().statuses;
  const badge = (
    <Badge color={COLOR[status] ?? 'gray'} variant="light" tabIndex={detail === '' ? undefined : 0}>
      {t[status as keyof typeof t] ?? status}
    </Badge>
  );
  return detail === '' ? badge : <Tooltip label={detail}>{badge}</Tooltip>;
}

/** How far a copy is, in bytes. */
export function CopyProgress({ copy }: { copy: Pick<Copy, 'progress' | 'status' | 'tag'> }) {
  const t = syncTexts.use();
  const { bytesDone, bytesTotal, bytesSent, bytesMounted, bytesExisting } = copy.progress;
  if (bytesTotal === 0) return <span>–</span>;
  const told = t.progressOf(bytes(bytesDone), bytes(bytesTotal));
  return (
    <Tooltip label={t.moved(bytes(bytesSent), bytes(bytesMounted), bytes(bytesExisting))}>
      <div tabIndex={0} style={{ minWidth: 130 }}>
        <Text size="xs" className="tabular">
          {told}
        </Text>
        <Progress
          value={(bytesDone / bytesTotal) * 100}
          size="sm"
          color={copy.status === 'failed' || copy.status === 'timeout' ? 'red' : copy.status === 'success' || copy.status === 'existed' ? 'teal' : 'tide'}
          animated={copy.status === 'running'}
          aria-label={`${copy.tag}: ${told}`}
        />
      </div>
    </Tooltip>
  );
}

/** A time as people say it: `1 h 5 min`. The letters are the same in both languages. */
export function span(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/** How what is sent to a place stands. */
export function StandingBadges({ standing }: { standing: Pick<Destination, 'waiting' | 'running' | 'failed' | 'pausedBecause' | 'pausedUntil'> }) {
  const t = syncTexts.use();
  const { waiting, running, failed, pausedBecause, pausedUntil } = standing;
  const isIdle = waiting + running + failed === 0 && pausedBecause === '';
  return (
    <Group gap={4}>
      {isIdle && (
        <Badge color="teal" variant="light">
          {t.inStep}
        </Badge>
      )}
      {waiting + running > 0 && (
        <Badge color="tide" variant="light">
          {t.open(waiting, running)}
        </Badge>
      )}
      {failed > 0 && (
        <Badge color="red" variant="light">
          {t.failedOnes(failed)}
        </Badge>
      )}
      {pausedBecause !== '' && (
        <Tooltip label={t.pausedUntil(pausedBecause, pausedUntil === null || pausedUntil === undefined ? '–' : relative(pausedUntil))}>
          <Badge color="yellow" variant="light" tabIndex={0}>
            {t.paused}
          </Badge>
        </Tooltip>
      )}
    </Group>
  );
}
