import { Alert, Group, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { PackageOpen } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { bytes, count } from '../../../app/format';
import { Copy } from '../../../components/Copy';
import { Digest } from '../../../components/Digest';
import { Empty } from '../../../components/Empty';
import { Moment } from '../../../components/Moment';
import { Panel } from '../../../components/Panel';
import { type Fact, Facts } from '../Facts';
import { dockerfile, instruction } from '../instruction';
import { artifactName } from '../kinds';
import { type ImageContent, type LayerDocument, ledgerQuery } from '../queries';
import { tagTexts } from '../texts';
import { tagPageTexts } from '../texts.page';
import type { ViewProps } from './view';

/** The colour of a layer, everywhere on the page. */
function colour(layer: number): string {
  return `var(--c${(layer % 8) + 1})`;
}

/** The layers of an image to scale, and the steps that made them. */
export function LayersView({ place, detail, content }: ViewProps) {
  const t = tagPageTexts.use();
  const [active, setActive] = useState<number>();
  if (content === null) {
    return (
      <Panel>
        <Remarks remarks={detail.remarks} />
      </Panel>
    );
  }
  const { layers } = content;
  const rest = { layers, active };
  return (
    <Pointed onActive={setActive}>
      <Panel>
        <Figures place={place} detail={detail} content={content} />
        {layers.length > 0 && <Strip {...rest} />}
      </Panel>
      {/* That an artifact has no configuration of a container goes without saying. */}
      {detail.remarks.length > 0 && content.config != null && <Remarks remarks={detail.remarks} />}
      {layers.length === 0 && <Empty icon={PackageOpen} title={t.layers.nothing} />}
      {content.config == null ? <Contents {...rest} /> : <Build content={content} {...rest} />}
    </Pointed>
  );
}

/** Tells at which layer somebody points, in the strip or in the list. */
function Pointed({ onActive, children }: { onActive: (layer: number | undefined) => void; children: ReactNode }) {
  const point = (target: EventTarget) => {
    const layer = target instanceof Element ? target.closest<HTMLElement>('[data-layer]')?.dataset['layer'] : undefined;
    onActive(layer === undefined ? undefined : Number(layer));
  };
  return (
    <Stack gap="md" onMouseOver={(event) => point(event.target)} onFocus={(event) => point(event.target)} onMouseLeave={() => onActive(undefined)}>
      {children}
    </Stack>
  );
}

function Remarks({ remarks }: { remarks: string[] }) {
  const t = tagPageTexts.use();
  return (
    <Alert color="yellow" variant="light" title={t.layers.remarks}>
      {remarks.map((remark) => (
        <Text key={remark} size="sm">
          {remark}
        </Text>
      ))}
    </Alert>
  );
}

function Figures({ place, detail, content }: Pick<ViewProps, 'place' | 'detail'> & { content: ImageContent }) {
  const t = tagPageTexts.use();
  const words = tagTexts.use();
  const ledger = useQuery(ledgerQuery(place)).data;
  const { layers, config } = content;
  const largest = Math.max(0, ...layers.map((layer) => layer.size));
  const facts: Fact[] = [
    { label: detail.tag_type === 1 ? t.facts.platformSize : t.facts.size, value: bytes(content.size) },
    { label: config == null ? t.facts.files : t.facts.layers, value: count(layers.length) },
    { label: config == null ? t.facts.largestFile : t.facts.largest, value: bytes(largest) },
  ];
  if (config == null) facts.push({ label: t.facts.type, value: artifactName(content.artifact_type ?? content.config_media_type ?? undefined, words) });
  else if (config?.created != null) facts.push({ label: t.facts.built, value: <Moment time={config.created} /> });
  if (ledger != null) facts.push({ label: t.facts.own, value: bytes(ledger.exclusive_bytes), help: t.facts.ownHelp });
  return <Facts facts={facts} />;
}

interface LayersProps {
  layers: LayerDocument[];
  /** The layer that is pointed at. */
  active: number | undefined;
}

/** The layers to scale; the list below says the same in words. */
function Strip({ layers, active }: LayersProps) {
  const t = tagPageTexts.use();
  const total = layers.reduce((sum, layer) => sum + layer.size, 0);
  return (
    <div className="layer-strip" role="img" aria-label={t.layers.strip(layers.length, bytes(total))} style={{ marginTop: 16 }}>
      {layers.map((layer, index) => (
        <span
          key={`${layer.digest}-${index}`}
          title={`${t.layers.layer(index + 1)}: ${bytes(layer.size)}`}
          style={{ flexGrow: layer.size, background: colour(index), opacity: active === undefined || active === index ? 1 : 0.3 }}
          data-layer={index}
        />
      ))}
    </div>
  );
}

/** The steps of the build with what each of them added. */
function Build({ content, layers, active }: LayersProps & { content: ImageContent }) {
  const t = tagPageTexts.use();
  const steps = content.history.map((step) => ({ ...step, ...instruction(step.created_by ?? step.comment ?? '') }));
  const known = steps.length > 0 && steps.every((step) => step.empty_layer || step.layer !== null);
  if (!known) return <Contents layers={layers} active={active} plain />;
  const largest = Math.max(1, ...layers.map((layer) => layer.size));
  return (
    <Panel title={t.layers.title} actions={<Copy text={dockerfile(steps)} what={t.layers.copyDockerfile} />} flush>
      <Text size="sm" c="dimmed" px={20} pb={10}>
        {t.layers.help}
      </Text>
      <ol className="steps">
        {steps.map((step, index) => {
          const layer = step.layer == null ? undefined : layers[step.layer];
          const at = step.layer ?? undefined;
          return (
            <li
              key={index}
              className={layer === undefined ? 'step step-empty' : 'step'}
              data-layer={at}
              data-active={at !== undefined && at === active}
            >
              <span className="step-swatch" aria-hidden style={{ background: at === undefined ? undefined : colour(at) }} />
              <code className="step-code">
                {step.keyword !== '' && <b>{step.keyword} </b>}
                {step.text === '' ? '–' : step.text}
              </code>
              {layer === undefined || at === undefined ? <span /> : <Size layer={layer} index={at} largest={largest} />}
              {layer !== undefined && <Note layer={layer} />}
            </li>
          );
        })}
      </ol>
    </Panel>
  );
}

/** Layers as they are, where nothing tells how they came to be; of an artifact its files. */
function Contents({ layers, active, plain = false }: LayersProps & { plain?: boolean }) {
  const t = tagPageTexts.use();
  const largest = Math.max(1, ...layers.map((layer) => layer.size));
  if (layers.length === 0) return null;
  return (
    <Panel title={plain ? t.layers.plain : t.layers.contents} flush>
      <Text size="sm" c="dimmed" px={20} pb={10}>
        {plain ? t.layers.plainHelp : t.layers.contentsHelp}
      </Text>
      <ol className="steps">
        {layers.map((layer, index) => (
          <li
            key={`${layer.digest}-${index}`}
            className="step"
            data-layer={index}
            data-active={index === active}
          >
            <span className="step-swatch" aria-hidden style={{ background: colour(index) }} />
            <span style={{ overflowWrap: 'anywhere' }}>{layer.annotations['org.opencontainers.image.title'] ?? layer.media_type}</span>
            <Size layer={layer} index={index} largest={largest} />
            <Note layer={layer} type={layer.annotations['org.opencontainers.image.title'] !== undefined} />
          </li>
        ))}
      </ol>
    </Panel>
  );
}

/** How big a layer is, beside the biggest. */
function Size({ layer, index, largest }: { layer: LayerDocument; index: number; largest: number }) {
  return (
    <span className="step-size">
      <span className="step-bar" aria-hidden style={{ width: `${(layer.size / largest) * 100}%`, background: colour(index) }} />
      <span className="tabular" style={{ textAlign: 'end', whiteSpace: 'nowrap' }}>
        {bytes(layer.size)}
      </span>
    </span>
  );
}

/** What else is known of a layer. */
function Note({ layer, type = false }: { layer: LayerDocument; type?: boolean }) {
  return (
    <Group className="step-note">
      <Digest digest={layer.digest} />
      {type && <span>{layer.media_type}</span>}
    </Group>
  );
}
