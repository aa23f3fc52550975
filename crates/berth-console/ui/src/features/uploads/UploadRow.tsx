import { ActionIcon, Anchor, Button, FileButton, Group, Progress, Text, Tooltip } from '@mantine/core';
import '@mantine/core/styles/Progress.layer.css';
import { Link } from '@tanstack/react-router';
import { CircleAlert, CircleCheck, Pause, Play, X } from 'lucide-react';
import { bytes } from '../../app/format';
import { failed } from '../../components/notify';
import { reasonOf } from './reason';
import { attach, cancel, go, hold, type Item, question } from './queue';
import { Question } from './Question';
import { uploadTexts } from './texts';

/** A file: what is in it, how far it is, what can be done with it. */
export function UploadRow({ item }: { item: Item }) {
  uploadTexts.use();
  const asks = question(item);
  const failure = reasonOf(item);
  return (
    <li>
      <Group justify="space-between" wrap="nowrap" gap="sm" align="flex-start">
        <div style={{ minWidth: 0, flex: 1 }}>
          <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
            {item.name}
          </Text>
          <Inside item={item} />
        </div>
        <Actions item={item} />
      </Group>
      {failure !== null ? (
        <Group gap={6} mt={6} wrap="nowrap" align="flex-start" role="alert">
          <CircleAlert size={16} color="var(--mantine-color-red-text)" aria-hidden style={{ flex: 'none', marginTop: 3 }} />
          <div style={{ minWidth: 0 }}>
            <Text size="sm" fw={600} c="var(--mantine-color-red-text)">
              {failure.title}
            </Text>
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
              {failure.sentence}
            </Text>
            {failure.requestId !== '' && (
              <Text size="xs" c="dimmed" className="mono">
                {failure.requestId}
              </Text>
            )}
          </div>
        </Group>
      ) : (
        <Steps item={item} />
      )}
      {asks !== null && <Question key={asks} item={item} asks={asks} />}
    </li>
  );
}

/** What is in the file and what it becomes. */
function Inside({ item }: { item: Item }) {
  const t = uploadTexts.use();
  const { upload, contents } = item;
  const images = upload?.images ?? [];
  const targets = images.flatMap((image) => image.targets.map((target) => ({ ...target, stored: image.stored })));
  const layers = images.reduce((sum, image) => sum + image.layers, 0) || (contents?.layers ?? 0);
  const platforms = [...new Set(images.flatMap((image) => image.platforms))];
  const facts = [bytes(item.size), ...(layers > 0 ? [t.layers(layers)] : []), ...platforms];
  const packed = contents?.kind === 'gzip' && targets.length === 0 && item.phase !== 'ended';
  return (
    <Text size="sm" c="dimmed" component="div" style={{ overflowWrap: 'anywhere' }}>
      {facts.join(' · ')}
      {targets.length > 0 && ` · ${t.becomes} `}
      {targets.map((target, at) => {
        const name = `${item.organization}/${target.repository}:${target.tag}`;
        const comma = at > 0 ? ', ' : '';
        if (!target.stored) return <span key={name}>{`${comma}${name}`}</span>;
        return (
          <span key={name}>
            {comma}
            <Anchor
              component={Link}
              to={`/images/${encodeURIComponent(item.organization)}/${encodeURIComponent(target.repository)}/tags/${encodeURIComponent(target.tag)}`}
              size="sm"
              underline="always"
              aria-label={t.open(name)}
            >
              {name}
            </Anchor>
          </span>
        );
      })}
      {packed && ` · ${t.packed}`}
    </Text>
  );
}

function Actions({ item }: { item: Item }) {
  const t = uploadTexts.use();
  const sends = item.phase === 'sending' || item.phase === 'waiting' || item.phase === 'offline';
  const ended = item.phase === 'ended' || item.phase === 'refused';
  const again = (file: File | null) => {
    if (file === null) return;
    attach(item.key, file)
      .then((same) => same || failed(new Error(t.otherFile)))
      .catch(failed);
  };
  const remove = ended ? t.dismiss : t.cancel;
  return (
    <Group gap={4} wrap="nowrap">
      {item.phase === 'detached' && (
        <FileButton onChange={again}>
          {(props) => (
            <Button size="xs" {...props} aria-label={`${t.chooseAgain}: ${item.name}`}>
              {t.chooseAgain}
            </Button>
          )}
        </FileButton>
      )}
      {sends && (
        <Tooltip label={t.pause}>
          <ActionIcon variant="subtle" color="gray" aria-label={`${t.pause}: ${item.name}`} onClick={() => hold(item.key)}>
            <Pause size={16} aria-hidden />
          </ActionIcon>
        </Tooltip>
      )}
      {item.phase === 'paused' && (
        <Tooltip label={t.resume}>
          <ActionIcon variant="subtle" aria-label={`${t.resume}: ${item.name}`} onClick={() => go(item.key)}>
            <Play size={16} aria-hidden />
          </ActionIcon>
        </Tooltip>
      )}
      <Tooltip label={remove}>
        <ActionIcon variant="subtle" color="gray" aria-label={`${remove}: ${item.name}`} onClick={() => cancel(item.key).catch(failed)}>
          <X size={16} aria-hidden />
        </ActionIcon>
      </Tooltip>
    </Group>
  );
}

/** The three steps of a file as bars, and the one at hand in words. */
function Steps({ item }: { item: Item }) {
  const t = uploadTexts.use();
  const upload = item.upload;
  if (upload?.state === 'done') {
    return (
      <Group gap={6} mt={6}>
        <CircleCheck size={16} color="var(--mantine-color-teal-text)" aria-hidden />
        <Text size="sm">{t.phase.done}</Text>
      </Group>
    );
  }
  const part = (done: number, total: number) => (total > 0 ? Math.min(100, (done * 100) / total) : 0);
  const steps = [
    { name: t.steps.send, value: part(item.sent, item.size) },
    { name: t.steps.check, value: upload === null ? 0 : part(upload.checked_bytes, upload.size) },
    { name: t.steps.store, value: upload === null ? 0 : part(upload.stored_bytes, upload.bytes_to_store) },
  ];
  return (
    <>
      <div className="upload-steps" role="group" aria-label={t.progressOf(item.name)}>
        {steps.map((step) => (
          <div key={step.name}>
            <Progress value={step.value} size="sm" aria-label={`${item.name}: ${step.name}`} animated={false} />
            <Text size="xs" c="dimmed" mt={2}>
              {step.name}
            </Text>
          </div>
        ))}
      </div>
      <Text size="sm" mt={4} role="status">
        {words(item, t)}
      </Text>
    </>
  );
}

function words(item: Item, t: ReturnType<typeof uploadTexts.use>): string {
  const upload = item.upload;
  if (upload?.state === 'asking' || (upload !== null && question(item) !== null)) return t.phase.asking;
  if (item.phase === 'server') return upload !== null && upload.bytes_to_store > 0 ? t.phase.storing : t.phase.checking;
  if (item.phase === 'ended' || item.phase === 'refused') return t.phase.failed;
  const told = [t.phase[item.phase]];
  if (item.phase !== 'reading' && item.phase !== 'waiting') told.push(t.sentOf(bytes(item.sent), bytes(item.size)));
  if (item.phase === 'sending' && item.speed > 0) {
    told.push(t.perSecond(bytes(item.speed)), t.left(time((item.size - item.sent) / item.speed, t)));
  }
  return told.join(' · ');
}

function time(seconds: number, t: ReturnType<typeof uploadTexts.use>): string {
  if (seconds < 90) return t.seconds(Math.max(1, Math.round(seconds)));
  return seconds < 5400 ? t.minutes(Math.round(seconds / 60)) : t.hours(Math.round(seconds / 3600));
}
