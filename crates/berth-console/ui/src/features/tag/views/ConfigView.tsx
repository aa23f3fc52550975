import { Badge, Group, Text } from '@mantine/core';
import { FileJson2 } from 'lucide-react';
import { Fragment, type ReactNode } from 'react';
import { Copy } from '../../../components/Copy';
import { Digest } from '../../../components/Digest';
import { Empty } from '../../../components/Empty';
import { Moment } from '../../../components/Moment';
import { Panel } from '../../../components/Panel';
import '../tag.css';
import { tagPageTexts } from '../texts.page';
import type { ViewProps } from './view';

/** What an image says of how it is run. */
export function ConfigView({ detail, content, platform }: ViewProps) {
  const t = tagPageTexts.use();
  const config = content?.config;
  const annotations = { ...detail.annotations, ...content?.annotations };
  if (content == null || config == null) {
    return (
      <>
        {Object.keys(annotations).length === 0 && <Empty icon={FileJson2} title={t.config.none} />}
        <Pairs title={t.config.annotations} pairs={Object.entries(annotations)} />
      </>
    );
  }
  const own = [config.os, config.architecture, config.variant].filter((part) => part != null && part !== '').join('/');
  const rows: [string, ReactNode][] = [
    [t.config.platform, platform ?? own],
    [t.config.created, <Moment key="created" time={config.created} />],
    [t.config.author, config.author ?? ''],
    [t.config.user, config.user === '' || config.user == null ? t.config.root : code(config.user)],
    [t.config.workingDir, code(config.working_dir ?? '')],
    [t.config.entrypoint, command(config.entrypoint)],
    [t.config.cmd, command(config.cmd)],
    [t.config.ports, chips(config.exposed_ports)],
    [t.config.volumes, chips(config.volumes)],
    [t.config.stopSignal, code(config.stop_signal ?? '')],
    [t.config.digest, content.config_digest == null ? '' : <Digest key="digest" digest={content.config_digest} />],
  ];
  return (
    <>
      <Panel title={t.config.title}>
        <dl className="properties">
          {rows.map(([label, value]) => (
            <Fragment key={label}>
              <dt>{label}</dt>
              <dd>{value === '' || value === null ? <Text c="dimmed">{t.config.notSet}</Text> : value}</dd>
            </Fragment>
          ))}
        </dl>
      </Panel>
      <Pairs title={t.config.env} pairs={config.env.map(pair)} />
      <Pairs title={t.config.labels} pairs={Object.entries(config.labels)} />
      <Pairs title={t.config.annotations} pairs={Object.entries(annotations)} />
    </>
  );
}

function code(text: string): ReactNode {
  return text === '' ? '' : <code>{text}</code>;
}

/** A command as one would type it; words with blanks are quoted. */
function command(words: string[]): ReactNode {
  return code(words.map((word) => (/[^\w./:=@%+,-]/.test(word) || word === '' ? JSON.stringify(word) : word)).join(' '));
}

function chips(texts: string[]): ReactNode {
  if (texts.length === 0) return '';
  return (
    <Group gap={6}>
      {texts.map((text) => (
        <Badge key={text} variant="default" tt="none" fw={500}>
          {text}
        </Badge>
      ))}
    </Group>
  );
}

/** `NAME=value`. */
function pair(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** Names with their values. */
export function Pairs({ title, pairs }: { title: string; pairs: [string, string][] }) {
  if (pairs.length === 0) return null;
  return (
    <Panel title={title}>
      <dl className="properties">
        {pairs.map(([name, value], index) => (
          <Fragment key={`${name}-${index}`}>
            <dt>
              <code>{name}</code>
            </dt>
            <dd>
              <Group gap={6} wrap="nowrap" justify="space-between" align="flex-start">
                {/^https?:\/\/[^\s]+$/.test(value) ? (
                  <a href={value} target="_blank" rel="noreferrer noopener" style={{ color: 'var(--mantine-color-anchor)' }}>
                    {value}
                  </a>
                ) : (
                  <code>{value}</code>
                )}
                <Copy text={value} what={name} />
              </Group>
            </dd>
          </Fragment>
        ))}
      </dl>
    </Panel>
  );
}
