import { Accordion, Badge, Button, Code, Group, Stack, Text } from '@mantine/core';
import '@mantine/core/styles/Accordion.layer.css';
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { RotateCw, Send } from 'lucide-react';
import { count } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { ActionButton } from '../../components/ActionButton';
import { Ask } from '../../components/Ask';
import { Empty } from '../../components/Empty';
import { Moment } from '../../components/Moment';
import { done, failed } from '../../components/notify';
import { type Delivery, deliveryQuery, type Place, readDeliveries, redeliver } from './api';
import { Fact } from './RunList';
import { triggerTexts } from './texts';

const COLOR: Record<string, string> = { delivered: 'teal', dead: 'red', waiting: 'yellow' };

/** What a webhook told, newest first; each opens to what was sent and what was answered. */
export function DeliveryList({ of, name, mayWrite }: { of: Place; name: string; mayWrite: boolean }) {
  const t = triggerTexts.use().deliveries;
  const query = useInfiniteQuery({
    queryKey: ['triggers', of.org, of.image, name, 'deliveries'],
    queryFn: ({ pageParam }) => readDeliveries(of, name, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextMarker?.toString(),
    refetchInterval: (state) => (state.state.data?.pages.some((page) => page.deliveries.some((one) => one.status === 'waiting')) === true ? 2000 : false),
  });
  return (
    <Ask query={query}>
      {(answer) => {
        const deliveries = answer.pages.flatMap((page) => page.deliveries);
        if (deliveries.length === 0) return <Empty icon={Send} title={t.empty} />;
        return (
          <Stack gap="sm">
            <Accordion variant="separated" chevronPosition="left">
              {deliveries.map((one) => (
                <Accordion.Item key={one.id} value={String(one.id)}>
                  <Accordion.Control>
                    <Group gap="sm">
                      <DeliveryBadge status={one.status} />
                      <code>{one.tag}</code>
                      {one.response_status !== null && one.response_status !== undefined && (
                        <Text size="sm" c="dimmed">
                          {t.status(String(one.response_status))}
                        </Text>
                      )}
                      <Text size="sm" c="dimmed">
                        {t.attempts(one.attempts)}
                      </Text>
                      <Text size="sm" c="dimmed" ml="auto" span>
                        <Moment time={one.created_at} />
                      </Text>
                    </Group>
                  </Accordion.Control>
                  <Accordion.Panel>
                    <Detail of={of} name={name} delivery={one} mayWrite={mayWrite} />
                  </Accordion.Panel>
                </Accordion.Item>
              ))}
            </Accordion>
            {query.hasNextPage && (
              <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                {t.more}
              </Button>
            )}
          </Stack>
        );
      }}
    </Ask>
  );
}

/** How a delivery stands. */
export function DeliveryBadge({ status }: { status: string }) {
  const t = triggerTexts.use().deliveries.statuses;
  return (
    <Badge color={COLOR[status] ?? 'gray'} variant="light">
      {t[status as keyof typeof t] ?? status}
    </Badge>
  );
}

function Detail({ of, name, delivery, mayWrite }: { of: Place; name: string; delivery: Delivery; mayWrite: boolean }) {
  const t = triggerTexts.use().deliveries;
  const needs = frameTexts.use().needs;
  const queries = useQueryClient();
  const whole = useQuery(deliveryQuery(of, name, delivery.id));
  const again = useMutation({
    mutationFn: () => redeliver(of, name, delivery.id),
    onSuccess: () => {
      done(t.done);
      return queries.invalidateQueries({ queryKey: ['triggers'] });
    },
    onError: failed,
  });
  const answered = delivery.response_status ?? null;
  return (
    <Stack gap="xs">
      <Text size="sm" fw={600}>
        {t.request}
      </Text>
      <Text size="xs" className="mono" style={{ overflowWrap: 'anywhere' }}>
        POST {delivery.url}
        {delivery.webhook_id !== null && delivery.webhook_id !== undefined && (
          <>
            <br />
            webhook-id: {delivery.webhook_id}
          </>
        )}
      </Text>
      <Ask query={whole} rows={2}>
        {(found) =>
          (found.event as unknown) === null ? (
            <Text size="sm" c="dimmed">
              {t.notYet}
            </Text>
          ) : (
            <Code block mah={260} tabIndex={0} style={{ overflow: 'auto' }}>
              {JSON.stringify(found.event, null, 2)}
            </Code>
          )
        }
      </Ask>
      <Text size="sm" fw={600}>
        {t.response}
      </Text>
      <Text size="sm">
        {answered === null ? (delivery.error === '' ? t.noResponse : delivery.error) : `${t.status(String(answered))} ${t.took(count(delivery.duration_ms ?? 0))}`}
      </Text>
      {answered !== null && delivery.error !== '' && <Text size="sm">{delivery.error}</Text>}
      {delivery.next_attempt_at !== null && delivery.next_attempt_at !== undefined && delivery.status === 'waiting' && (
        <Fact label={t.next}>
          <Moment time={delivery.next_attempt_at} />
        </Fact>
      )}
      <Group>
        <ActionButton size="compact-sm" variant="default" leftSection={<RotateCw size={14} aria-hidden />} reason={mayWrite ? undefined : needs.write} loading={again.isPending} onClick={() => again.mutate()}>
          {t.again}
        </ActionButton>
      </Group>
    </Stack>
  );
}
