import { Accordion, Badge, Button, Group, Stack, Text } from '@mantine/core';
import '@mantine/core/styles/Accordion.layer.css';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { History, Undo2 } from 'lucide-react';
import type { ReactNode } from 'react';
import { frameTexts } from '../../app/texts.frame';
import { ActionButton } from '../../components/ActionButton';
import { Ask } from '../../components/Ask';
import { Digest } from '../../components/Digest';
import { Empty } from '../../components/Empty';
import { Moment } from '../../components/Moment';
import { done, failed } from '../../components/notify';
import { type Place, readRuns, type Run, undoRun } from './api';
import { ImageChanges } from './parts';
import { triggerTexts } from './texts';

const COLOR: Record<string, string> = { success: 'teal', failed: 'red', undone: 'yellow', running: 'tide' };

const isOpen = (run: Run) => run.status === 'waiting' || run.status === 'running';

/** How the runs of a trigger went, newest first; each opens to what was changed and why it ended so. */
export function RunList({ of, name, mayWrite }: { of: Place; name: string; mayWrite: boolean }) {
  const t = triggerTexts.use().runs;
  const query = useInfiniteQuery({
    queryKey: ['triggers', of.org, of.image, name, 'runs'],
    queryFn: ({ pageParam }) => readRuns(of, name, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextMarker?.toString(),
    refetchInterval: (state) => (state.state.data?.pages.some((page) => page.runs.some(isOpen)) === true ? 1000 : false),
  });
  return (
    <Ask query={query}>
      {(answer) => {
        const runs = answer.pages.flatMap((page) => page.runs);
        if (runs.length === 0) return <Empty icon={History} title={t.empty} />;
        return (
          <Stack gap="sm">
            <Accordion variant="separated" chevronPosition="left">
              {runs.map((run) => (
                <Accordion.Item key={run.id} value={String(run.id)}>
                  <Accordion.Control>
                    <Group gap="sm">
                      <RunBadge status={run.status} />
                      <code>{run.tag}</code>
                      <Text size="sm" c="dimmed">
                        {t.whys[run.why as keyof typeof t.whys] ?? run.why}
                      </Text>
                      <Text size="sm" c="dimmed" ml="auto" span>
                        <Moment time={run.created_at} />
                      </Text>
                    </Group>
                  </Accordion.Control>
                  <Accordion.Panel>
                    <RunDetail of={of} name={name} run={run} mayWrite={mayWrite} />
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

/** How a run stands. */
export function RunBadge({ status }: { status: string }) {
  const t = triggerTexts.use().runs.statuses;
  return (
    <Badge color={COLOR[status] ?? 'gray'} variant="light">
      {t[status as keyof typeof t] ?? status}
    </Badge>
  );
}

/** A word and what it says, side by side. */
export function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <Group gap="xs" wrap="nowrap" align="baseline">
      <Text size="sm" c="dimmed" w={110} style={{ flexShrink: 0 }}>
        {label}
      </Text>
      <div style={{ minWidth: 0, overflowWrap: 'anywhere', fontSize: 13 }}>{children}</div>
    </Group>
  );
}

function RunDetail({ of, name, run, mayWrite }: { of: Place; name: string; run: Run; mayWrite: boolean }) {
  const t = triggerTexts.use().runs;
  const needs = frameTexts.use().needs;
  const queries = useQueryClient();
  const undo = useMutation({
    mutationFn: () => undoRun(of, name, run.id),
    onSuccess: () => {
      done(t.undoStarted);
      return queries.invalidateQueries({ queryKey: ['triggers'] });
    },
    onError: failed,
  });
  const changed = run.images.some((image) => image.before !== image.after);
  const reason = !mayWrite ? needs.write : isOpen(run) ? t.undoOpen : changed ? undefined : t.undoNot;
  return (
    <Stack gap={6}>
      <Text size="sm" fw={600}>
        {t.number(run.id)}
      </Text>
      {run.detail !== '' && <Text size="sm">{run.detail}</Text>}
      {run.undoes !== null && run.undoes !== undefined && <Text size="sm">{t.undoes(run.undoes)}</Text>}
      {run.failures > 0 && isOpen(run) && <Text size="sm">{t.failures(run.failures)}</Text>}
      {run.digest !== null && run.digest !== undefined && (
        <Fact label={t.digest}>
          <Digest digest={run.digest} />
        </Fact>
      )}
      <Fact label={t.by}>{run.user_name ?? '–'}</Fact>
      <Fact label={t.queued}>
        <Moment time={run.created_at} />
      </Fact>
      <Fact label={t.began}>
        <Moment time={run.started_at} />
      </Fact>
      <Fact label={t.ended}>
        <Moment time={run.ended_at} />
      </Fact>
      <ImageChanges images={run.images} />
      {run.images.length > 0 && (
        <Group mt={4}>
          <ActionButton size="compact-sm" variant="default" leftSection={<Undo2 size={14} aria-hidden />} reason={reason} loading={undo.isPending} onClick={() => undo.mutate()}>
            {t.undo}
          </ActionButton>
        </Group>
      )}
    </Stack>
  );
}
