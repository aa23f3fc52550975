import { ActionIcon, Badge, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Braces, ChevronDown, ChevronRight, File, FileCog, Layers, Package, ShieldCheck, Workflow } from 'lucide-react';
import { useState } from 'react';
import { api, inPath } from '../../../api/client';
import { bytes } from '../../../app/format';
import { Ask } from '../../../components/Ask';
import { Copy } from '../../../components/Copy';
import { Digest } from '../../../components/Digest';
import { Panel } from '../../../components/Panel';
import '../tag.css';
import { tagPageTexts } from '../texts.page';
import { manifestTree, type Node } from '../tree';
import type { ViewProps } from './view';

const ICONS = { index: Workflow, image: Package, attestation: ShieldCheck, config: FileCog, layer: Layers, file: File };

/** The manifest that a tag names, as a tree and as it is stored. */
export function ManifestView({ place, detail, content }: ViewProps) {
  const t = tagPageTexts.use();
  const manifest = useQuery({
    queryKey: ['tag', place.org, place.image, place.tag, 'manifest'],
    queryFn: () => readManifest(place.org, place.image, place.tag),
    placeholderData: undefined,
  });
  return (
    <Ask query={manifest}>
      {(text) => {
        const tree = manifestTree(text, detail.digest, detail.media_type);
        return (
          <>
            {tree !== undefined && (
              <Panel title={t.manifest.tree}>
                <ul className="tree">
                  <Branch node={{ ...tree, children: tree.children.map((child) => filled(child, detail, content)) }} opened />
                </ul>
              </Panel>
            )}
            <Panel title={t.manifest.raw} actions={<Copy text={text} what={t.manifest.copy} />}>
              <pre className="json" tabIndex={0} aria-label={t.manifest.raw}>
                {pretty(text)}
              </pre>
            </Panel>
          </>
        );
      }}
    </Ask>
  );
}

/** The manifest's text, byte by byte; it stands in the list of tags. */
async function readManifest(org: string, image: string, tag: string): Promise<string> {
  const { data } = await api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/tags', {
    params: { path: { namespace: org, repository: inPath(image) }, query: { tag } },
  });
  return data?.[0]?.manifest ?? '';
}

/** What the page knows besides of an image of an index: whether it is there, and what is in the chosen one. */
function filled(node: Node, detail: ViewProps['detail'], content: ViewProps['content']): Node {
  const known = detail.images.find((image) => image.digest === node.digest);
  if (known === undefined) return node;
  if (content?.digest !== node.digest) return { ...node, present: known.present };
  const none = { name: '', present: undefined, children: [] };
  const config: Node[] = content.config_digest == null ? [] : [{ ...none, kind: 'config', digest: content.config_digest, mediaType: content.config_media_type ?? '', size: undefined }];
  const layers = content.layers.map((layer): Node => ({ ...none, kind: 'layer', digest: layer.digest, mediaType: layer.media_type, size: layer.size }));
  return { ...node, present: known.present, children: [...config, ...layers] };
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Something with what it names, to be unfolded. */
function Branch({ node, opened = false }: { node: Node; opened?: boolean }) {
  const t = tagPageTexts.use();
  const [open, setOpen] = useState(opened);
  const Icon = ICONS[node.kind] ?? Braces;
  const Chevron = open ? ChevronDown : ChevronRight;
  const kind = t.manifest[node.kind];
  const what = node.name === '' ? kind : `${kind} ${node.name}`;
  return (
    <li>
      <div className="tree-row">
        {node.children.length > 0 ? (
          <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t.manifest.unfold(what)} aria-expanded={open} onClick={() => setOpen(!open)}>
            <Chevron size={16} aria-hidden />
          </ActionIcon>
        ) : (
          <span style={{ width: 22 }} />
        )}
        <Icon size={15} aria-hidden style={{ opacity: 0.7 }} />
        <span className="tree-kind">{what}</span>
        <Digest digest={node.digest} />
        {node.size !== undefined && <span className="tabular">{bytes(node.size)}</span>}
        <Text size="xs" c="dimmed" component="code" style={{ overflowWrap: 'anywhere' }}>
          {node.mediaType}
        </Text>
        {node.present === false && (
          <Badge color="yellow" variant="light" tt="none">
            {t.manifest.absent}
          </Badge>
        )}
      </div>
      {open && node.children.length > 0 && (
        <ul className="tree">
          {node.children.map((child, index) => (
            <Branch key={`${child.digest}-${index}`} node={child} />
          ))}
        </ul>
      )}
    </li>
  );
}
