import { Text, Tooltip } from '@mantine/core';
import { Infinity as Forever, TimerOff } from 'lucide-react';
import { relative } from '../../app/format';
import { useLanguage } from '../../app/language';
import { sharingTexts } from './texts';

/** The last moment in which a share counts: the end of its day, in UTC. */
export function endOfDay(deadline: string): Date {
  const day = new Date(deadline);
  return new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate(), 23, 59, 59));
}

/** Until when a share counts: its day and how long that is from now, or that it is over. Nothing as a deadline is for ever. */
export function Until({ deadline, valid }: { deadline: string | null | undefined; valid: boolean }) {
  const t = sharingTexts.use();
  useLanguage();
  if (!valid) {
    return (
      <Text span c="dimmed" style={{ whiteSpace: 'nowrap' }}>
        <TimerOff size={14} aria-hidden style={{ verticalAlign: '-2px', marginInlineEnd: 6 }} />
        {t.ended}
      </Text>
    );
  }
  if (deadline === null || deadline === undefined || deadline === 'forever') {
    return (
      <span style={{ whiteSpace: 'nowrap' }}>
        <Forever size={14} aria-hidden style={{ verticalAlign: '-2px', marginInlineEnd: 6 }} />
        {t.forever}
      </span>
    );
  }
  const end = endOfDay(deadline);
  const soon = isSoon(end);
  const day = deadline.slice(0, 10).replaceAll('-', '/');
  return (
    <Tooltip label={`${day} 23:59:59 UTC`}>
      <span tabIndex={0} style={{ whiteSpace: 'nowrap' }}>
        {day}
        <Text span size="xs" c={soon ? 'orange.9' : 'dimmed'} className={soon ? 'share-soon' : undefined} display="block">
          {t.endsIn(relative(end))}
        </Text>
      </span>
    </Tooltip>
  );
}

/** Whether a moment is less than a week away. */
function isSoon(moment: Date): boolean {
  return moment.getTime() - Date.now() < 7 * 86_400_000;
}
