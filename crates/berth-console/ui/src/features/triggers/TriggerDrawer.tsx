import { Drawer, Stack, Tabs, Text } from '@mantine/core';
import '@mantine/core/styles/Drawer.layer.css';
import { useQuery } from '@tanstack/react-query';
import { frameTexts } from '../../app/texts.frame';
import { Ask } from '../../components/Ask';
import { type Place, tryTrigger } from './api';
import { DeliveryList } from './DeliveryList';
import type { Trigger } from './draft';
import { Condition, Target } from './parts';
import { RunList } from './RunList';
import { triggerTexts } from './texts';
import { TrialView } from './TrialView';

/** A trigger from near: what it does, what it did, and what it would do now. */
export function TriggerDrawer({ of, trigger, mayWrite, onClose }: { of: Place; trigger: Trigger; mayWrite: boolean; onClose: () => void }) {
  const t = triggerTexts.use();
  const frame = frameTexts.use();
  const isWebhook = trigger.action === 'webhook';
  return (
    <Drawer opened onClose={onClose} position="right" size="xl" title={trigger.name} closeButtonProps={{ 'aria-label': frame.close }}>
      <Stack gap="md">
        <div>
          <Text size="sm" c="dimmed">
            {isWebhook ? t.action.webhook : t.action.update}
          </Text>
          <Target trigger={trigger} />
          <Condition trigger={trigger} />
        </div>
        <Tabs defaultValue="record" keepMounted={false}>
          <Tabs.List>
            <Tabs.Tab value="record">{isWebhook ? t.deliveries.title : t.runs.title}</Tabs.Tab>
            {mayWrite && <Tabs.Tab value="trial">{t.menu.dryRun}</Tabs.Tab>}
          </Tabs.List>
          <Tabs.Panel value="record" pt="md">
            {isWebhook ? <DeliveryList of={of} name={trigger.name} mayWrite={mayWrite} /> : <RunList of={of} name={trigger.name} mayWrite={mayWrite} />}
          </Tabs.Panel>
          {mayWrite && (
            <Tabs.Panel value="trial" pt="md">
              <Trial of={of} trigger={trigger} />
            </Tabs.Panel>
          )}
        </Tabs>
      </Stack>
    </Drawer>
  );
}

function Trial({ of, trigger }: { of: Place; trigger: Trigger }) {
  const trial = useQuery({
    queryKey: ['triggers', of.org, of.image, trigger.name, 'trial'],
    queryFn: () => tryTrigger(of, trigger.name, undefined),
    staleTime: 0,
  });
  return <Ask query={trial}>{(answer) => <TrialView trial={answer} />}</Ask>;
}
