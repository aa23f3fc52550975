import { Badge, Stack, Text, Tooltip } from '@mantine/core';
import { Moment } from '../../components/Moment';
import { settingsTexts } from './texts';

/** What the last test of something registered found; `works` is unknown when nobody looked. */
export function CheckBadge({ works, finding, at }: { works: boolean | undefined; finding: string; at: string | null | undefined }) {
  const t = settingsTexts.use();
  const badge = (
    <Badge color={works === undefined ? 'gray' : works ? 'teal' : 'red'} variant="light" tabIndex={finding === '' ? undefined : 0}>
      {works === undefined ? t.notChecked : works ? t.works : t.broken}
    </Badge>
  );
  return (
    <Stack gap={2} align="flex-start">
      {finding === '' ? badge : <Tooltip label={finding}>{badge}</Tooltip>}
      {works === false && finding !== '' && (
        <Text size="xs" style={{ maxWidth: 320 }}>
          {finding}
        </Text>
      )}
      {at !== null && at !== undefined && (
        <Text size="xs" c="dimmed" component="div">
          <Moment time={at} />
        </Text>
      )}
    </Stack>
  );
}
