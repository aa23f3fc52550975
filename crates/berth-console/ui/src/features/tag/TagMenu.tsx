import { ActionIcon, Menu } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { Copy as CopyIcon, Ellipsis, GitCompareArrows, History, RefreshCw, Tag, Trash2 } from 'lucide-react';
import { useRegistryAddress } from '../../app/registry';
import { useSession } from '../../app/session';
import * as notify from '../../components/notify';
import { copyText } from '../../components/useCopy';
import { allows, type Right } from '../image/panel';
import { isImageType } from './kinds';
import { artifactCommands, CLIENTS, imageReference, pullCommand } from './pull';
import type { TagRow } from './tags';
import { tagTexts } from './texts';

/** What the menu of a tag can ask the page for. */
export interface TagRequests {
  onRetag: (tag: string) => void;
  onSync: (tags: string[]) => void;
  onDelete: (rows: TagRow[]) => void;
}

/** Copies a text, and says so where no button could. */
export function copyAndSay(text: string): void {
  const near = document.activeElement instanceof HTMLElement ? document.activeElement : document.body;
  void copyText(text, near).then((copied) => copied && notify.done(tagTexts.now().copiedPull(text)));
}

/** Everything that can be done with a tag. */
export function TagMenu({ org, image, path, row, right, requests }: { org: string; image: string; path: string; row: TagRow; right: Right; requests: TagRequests }) {
  const t = tagTexts.use();
  const { administrator } = useSession();
  const at = { org, image, tag: row.tag };
  const { secure } = useRegistryAddress();
  const byTag = imageReference(path, row.tag);
  const commands = isImageType(row.artifact_type)
    ? [...CLIENTS.map((client) => [client, pullCommand(client, byTag, !secure)] as const), [t.byDigest('docker'), pullCommand('docker', imageReference(path, row.digest), !secure)] as const]
    : artifactCommands(path, row.tag, byTag, row.artifact_type ?? '', secure);
  return (
    <Menu width={260}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t.actions(row.tag)}>
          <Ellipsis size={16} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t.copyFor}</Menu.Label>
        {commands.map(([client, command]) => (
          <Menu.Item key={client} leftSection={<CopyIcon size={14} aria-hidden />} onClick={() => copyAndSay(command)}>
            {client}
          </Menu.Item>
        ))}
        <Menu.Item leftSection={<CopyIcon size={14} aria-hidden />} onClick={() => copyAndSay(byTag)}>
          {t.reference}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<GitCompareArrows size={14} aria-hidden />} renderRoot={(props) => <Link {...props} to="/images/$org/$image/compare" params={at} search={{ a: row.tag }} />}>
          {t.action.compare}
        </Menu.Item>
        <Menu.Item leftSection={<History size={14} aria-hidden />} renderRoot={(props) => <Link {...props} to="/images/$org/$image/tags/$tag" params={at} search={{ view: 'history' }} />}>
          {t.action.history}
        </Menu.Item>
        {allows(right, 'write') && (
          <Menu.Item leftSection={<Tag size={14} aria-hidden />} onClick={() => requests.onRetag(row.tag)}>
            {t.action.retag}
          </Menu.Item>
        )}
        {administrator && allows(right, 'manage') && (
          <Menu.Item leftSection={<RefreshCw size={14} aria-hidden />} onClick={() => requests.onSync([row.tag])}>
            {t.action.sync}
          </Menu.Item>
        )}
        {allows(right, 'manage') && (
          <Menu.Item color="red" leftSection={<Trash2 size={14} aria-hidden />} disabled={row.immutable} onClick={() => requests.onDelete([row])}>
            {row.immutable ? `${t.action.delete} (${t.badge.immutable})` : t.action.delete}
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
