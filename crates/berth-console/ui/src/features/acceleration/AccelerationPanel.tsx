import { Stack } from '@mantine/core';
import { allows, type ImagePanelProps } from '../image/panel';
import { LazyRulePanel } from './LazyRulePanel';
import { LazyRuns } from './LazyRuns';
import { PreheatRulePanel } from './PreheatRulePanel';
import { Preheats } from './Preheats';

/** What makes an image start soon on nodes: having it there ahead of time, and indexes for lazy starts. */
export function AccelerationPanel({ org, image, right }: ImagePanelProps) {
  const of = { org, image };
  return (
    <Stack gap="md">
      <Preheats of={of} mayWrite={allows(right, 'write')} />
      <PreheatRulePanel of={of} mayManage={allows(right, 'manage')} />
      <LazyRuns of={of} mayWrite={allows(right, 'write')} />
      <LazyRulePanel of={of} mayManage={allows(right, 'manage')} />
    </Stack>
  );
}
