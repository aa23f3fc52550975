import { Tooltip } from '@mantine/core';
import { moment, relative } from '../app/format';
import { useLanguage } from '../app/language';

/** A moment: how long ago, and exactly when one points at it. */
export function Moment({ time }: { time: string | number | null | undefined }) {
  useLanguage();
  if (time === null || time === undefined || time === '') return <span>–</span>;
  return (
    <Tooltip label={moment(time)}>
      <time dateTime={new Date(time).toISOString()} tabIndex={0} style={{ whiteSpace: 'nowrap' }}>
        {relative(time)}
      </time>
    </Tooltip>
  );
}
