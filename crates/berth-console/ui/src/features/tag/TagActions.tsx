import { ActionIcon, Button, Menu } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { Check, Copy as CopyIcon, Ellipsis, GitCompareArrows, Tag, Trash2 } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { frameTexts } from '../../app/texts.frame';
import { useRegistryAddress } from '../../app/registry';
import { useCopy } from '../../components/useCopy';
import { allows, type Right } from '../image/panel';
import { pullOf } from './pull';
import type { TagPlace } from './queries';
import { tagTexts } from './texts';
import { tagPageTexts } from './texts.page';

const DeleteTags = lazy(() => import('./DeleteTags').then((module) => ({ default: module.DeleteTags })));
const RetagDialog = lazy(() => import('./RetagDialog').then((module) => ({ default: module.RetagDialog })));

/** What can be done with a tag on its page. */
export function TagActions({
  place,
  path,
  right,
  digest,
  type,
  immutable,
}: {
  place: TagPlace;
  path: string;
  right: Right;
  digest: string;
  /** Of an artifact what it says it is. */
  type: string | undefined;
  immutable: boolean;
}) {
  const t = tagTexts.use();
  const page = tagPageTexts.use();
  const frame = frameTexts.use();
  const navigate = useNavigate();
  const { secure } = useRegistryAddress();
  const { copied, copy } = useCopy();
  const [asking, setAsking] = useState<'retag' | 'delete'>();
  const { org, image, tag } = place;
  const close = () => setAsking(undefined);
  return (
    <>
      <Button
        leftSection={copied ? <Check size={15} aria-hidden /> : <CopyIcon size={15} aria-hidden />}
        onClick={(event) => copy(pullOf(path, tag, type, secure), event.currentTarget)}
      >
        {copied ? frame.copied : page.copyPull}
      </Button>
      <Button
        variant="default"
        leftSection={<GitCompareArrows size={15} aria-hidden />}
        renderRoot={(props) => <Link {...props} to="/images/$org/$image/compare" params={{ org, image }} search={{ a: tag }} />}
      >
        {page.compare}
      </Button>
      {allows(right, 'write') && (
        <Menu>
          <Menu.Target>
            <ActionIcon variant="default" size={36} aria-label={page.more}>
              <Ellipsis size={18} aria-hidden />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item leftSection={<Tag size={14} aria-hidden />} onClick={() => setAsking('retag')}>
              {t.action.retag}
            </Menu.Item>
            {allows(right, 'manage') && (
              <Menu.Item color="red" leftSection={<Trash2 size={14} aria-hidden />} disabled={immutable} title={immutable ? page.immutableReason : undefined} onClick={() => setAsking('delete')}>
                {immutable ? `${t.action.delete} (${t.badge.immutable})` : t.action.delete}
              </Menu.Item>
            )}
          </Menu.Dropdown>
        </Menu>
      )}
      <Suspense fallback={null}>
        {asking === 'retag' && <RetagDialog org={org} image={image} tag={tag} onClose={close} />}
        {asking === 'delete' && (
          <DeleteTags
            org={org}
            image={image}
            rows={[{ tag, digest, immutable }]}
            onClose={close}
            onDone={(gone) => gone.has(tag) && void navigate({ to: '/images/$org/$image', params: { org, image } })}
          />
        )}
      </Suspense>
    </>
  );
}
