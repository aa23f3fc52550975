import { Alert, Button, Drawer, Group, SegmentedControl, Stack, Text, Title } from '@mantine/core';
import '@mantine/core/styles/Drawer.layer.css';
import '@mantine/core/styles/FloatingIndicator.layer.css';
import '@mantine/core/styles/SegmentedControl.layer.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { CircleAlert, Download, Pencil, TriangleAlert } from 'lucide-react';
import { type ReactNode, useId, useState } from 'react';
import { bytes, count, percent } from '../../app/format';
import { useRegistryAddress } from '../../app/registry';
import { frameTexts } from '../../app/texts.frame';
import { ActionButton } from '../../components/ActionButton';
import { Ask } from '../../components/Ask';
import { CommandBox } from '../../components/CommandBox';
import { Facts } from '../../components/Facts';
import { Figure, FigureList } from '../../components/Figures';
import { Moment } from '../../components/Moment';
import { done, failed } from '../../components/notify';
import { Share } from '../settings/Share';
import { settingsTexts } from '../settings/texts';
import { figuresQuery, type Mirror, type MirrorFigures, prefetch } from './api';
import { configurations, DOCKER_HUB, MIRROR_CLIENTS } from './clients';
import { mirrorTexts } from './texts';

/** A mirror from near: what it saves, what it is set to, and what clients write to use it. */
export function MirrorDrawer({ mirror, onClose, onEdit }: { mirror: Mirror; onClose: () => void; onEdit: () => void }) {
  const t = mirrorTexts.use();
  const all = settingsTexts.use();
  const frame = frameTexts.use();
  const figures = useQuery(figuresQuery(mirror.name));
  return (
    <Drawer opened onClose={onClose} position="right" size="xl" title={mirror.name} closeButtonProps={{ 'aria-label': frame.close }}>
      <Stack gap="lg">
        <Part title={t.figures.title}>
          <Ask query={figures}>{(found) => <FiguresOf figures={found} />}</Ask>
        </Part>
        <Part
          title={t.kept.title}
          actions={
            <>
              <Prefetch mirror={mirror} />
              <Button size="xs" variant="default" leftSection={<Pencil size={14} aria-hidden />} onClick={onEdit}>
                {all.edit}
              </Button>
            </>
          }
        >
          <Kept mirror={mirror} />
        </Part>
        <Part title={t.use.title}>
          <Use mirror={mirror} />
        </Part>
      </Stack>
    </Drawer>
  );
}

function Part({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <Group justify="space-between" mb="xs">
        <Title order={3} id={id}>
          {title}
        </Title>
        {actions !== undefined && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </section>
  );
}

function FiguresOf({ figures }: { figures: MirrorFigures }) {
  const t = mirrorTexts.use().figures;
  const all = figures.hits + figures.misses;
  const { budget, last_failure: failure, limited_until: limited } = figures;
  return (
    <Stack gap="md">
      {limited !== undefined && limited !== null && (
        <Alert color="yellow" variant="light" icon={<TriangleAlert size={18} aria-hidden />}>
          {t.limited} <Moment time={limited} />
        </Alert>
      )}
      <FigureList label={t.title} narrow>
        <Figure
          label={t.hits}
          value={figures.hit_ratio === undefined || figures.hit_ratio === null ? '–' : percent(figures.hit_ratio)}
          note={all === 0 ? t.noRequests : t.ofRequests(count(figures.hits), count(all), all)}
        />
        <Figure label={t.saved} value={bytes(figures.bytes_saved)} note={t.savedNote} />
        <Figure label={t.upstream} value={count(figures.misses)} note={t.upstreamNote} />
        {budget === undefined || budget === null ? (
          <Figure label={t.budget} value={t.budgetUnknown} note={t.budgetUnknownNote} />
        ) : (
          <Figure
            label={t.budget}
            value={count(budget.remaining)}
            note={
              <>
                {typeof budget.limit === 'number' && `${t.budgetOf(count(budget.limit))} · `}
                {budget.renews_at === undefined || budget.renews_at === null ? (
                  <>
                    {t.told} <Moment time={budget.told_at} />
                  </>
                ) : (
                  <>
                    {t.renews} <Moment time={budget.renews_at} />
                  </>
                )}
              </>
            }
          />
        )}
      </FigureList>
      <div role="group" aria-label={t.sources}>
        <Share
          parts={[
            { label: t.served, value: figures.bytes_served },
            { label: t.fetched, value: figures.bytes_fetched },
          ]}
        />
      </div>
      {failure === undefined || failure === null ? (
        <Text size="sm" c="dimmed">
          {t.noFailure}
        </Text>
      ) : (
        <Group gap={8} wrap="nowrap" align="flex-start">
          <CircleAlert size={16} aria-hidden style={{ flexShrink: 0, marginTop: 3 }} />
          <div>
            <Text size="sm" component="div">
              {t.failure}, <Moment time={failure.at} />
            </Text>
            <Text size="sm" lang="en" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
              {failure.text}
            </Text>
          </div>
        </Group>
      )}
    </Stack>
  );
}

function Prefetch({ mirror }: { mirror: Mirror }) {
  const t = mirrorTexts.use().prefetch;
  const queries = useQueryClient();
  const begin = useMutation({
    mutationFn: () => prefetch(mirror.name),
    onSuccess: () => {
      done(t.begun(mirror.name));
      return queries.invalidateQueries({ queryKey: ['mirrors', mirror.name] });
    },
    onError: failed,
  });
  const reason = mirror.enabled ? (mirror.prefetch.length === 0 ? t.noPatterns : undefined) : t.off;
  return (
    <ActionButton size="xs" variant="default" leftSection={<Download size={14} aria-hidden />} reason={reason} loading={begin.isPending} onClick={() => begin.mutate()}>
      {t.now}
    </ActionButton>
  );
}

function Kept({ mirror }: { mirror: Mirror }) {
  const t = mirrorTexts.use();
  const all = settingsTexts.use();
  return (
    <Facts
      facts={[
        [t.columns.registry, <code key="registry">{mirror.registry}</code>],
        [t.kept.address, <code key="address">{mirror.url}</code>],
        [
          t.columns.organization,
          <Link key="organization" to="/organizations/$org" params={{ org: mirror.namespace }} className="row-link">
            {mirror.namespace}
          </Link>,
        ],
        [t.kept.access, mirror.public ? t.kept.public : t.kept.members],
        [all.login.label, mirror.has_login ? all.login.kept : all.login.none],
        [t.kept.authority, mirror.certificate_authority === '' ? t.kept.none : frameTexts.now().yes],
        [t.kept.recheck, mirror.recheck_seconds === 0 ? t.kept.asServer : t.kept.seconds(mirror.recheck_seconds, count(mirror.recheck_seconds))],
        [t.kept.size, mirror.bytes_max === 0 ? t.kept.noBound : bytes(mirror.bytes_max)],
        [t.kept.keep, <Patterns key="keep" all={mirror.keep} />],
        [t.kept.prefetch, <Patterns key="prefetch" all={mirror.prefetch} />],
        [t.kept.changed, <Moment key="changed" time={mirror.updated_at} />],
      ]}
    />
  );
}

function Patterns({ all }: { all: string[] }) {
  const t = mirrorTexts.use().kept;
  if (all.length === 0) return t.none;
  return (
    <Group gap={8}>
      {all.map((pattern) => (
        <code key={pattern}>{pattern}</code>
      ))}
    </Group>
  );
}

function Use({ mirror }: { mirror: Mirror }) {
  const t = mirrorTexts.use().use;
  const address = useRegistryAddress();
  const [client, setClient] = useState<string>('containerd');
  const chosen = MIRROR_CLIENTS.find((one) => one === client) ?? 'containerd';
  const about = chosen === 'docker' && mirror.registry !== DOCKER_HUB ? t.dockerOnly : t[chosen];
  return (
    <Stack gap="sm">
      <div className="scroll-x">
        <SegmentedControl aria-label={t.client} value={chosen} onChange={setClient} data={MIRROR_CLIENTS.map((one) => ({ value: one, label: t.clients[one] }))} />
      </div>
      {!mirror.enabled && <Text size="sm">{t.off}</Text>}
      <Text size="sm" c="dimmed">
        {about}
      </Text>
      {!mirror.public && <Text size="sm">{t.notPublic}</Text>}
      {configurations(chosen, address, mirror).map(({ file, text }) => (
        <div key={text}>
          {file !== undefined && (
            <Text size="sm" fw={600} mb={4}>
              {t.into(file)}
            </Text>
          )}
          <CommandBox command={text} what={file === undefined ? t.command : t.contentOf(file)} />
        </div>
      ))}
    </Stack>
  );
}
