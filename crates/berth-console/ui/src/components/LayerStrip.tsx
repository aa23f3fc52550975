import { bytes } from '../app/format';

/** A layer as the strip shows it. */
export interface StripLayer {
  digest: string;
  size: number;
  /** Whether other tags have it as well. */
  shared: boolean;
}

/** The layers of an image to scale: pale ones are also in other tags, solid ones are what this tag adds. */
export function LayerStrip({ layers, label, width = 160 }: { layers: StripLayer[]; label: string; width?: number }) {
  const total = layers.reduce((sum, layer) => sum + layer.size, 0);
  const share = (layer: StripLayer) => (total === 0 ? width / layers.length : (layer.size / total) * width);
  const starts = layers.map((_, index) => layers.slice(0, index).reduce((sum, layer) => sum + share(layer), 0));
  return (
    <svg role="img" aria-label={label} viewBox={`0 0 ${width} 12`} width={width} height={12} preserveAspectRatio="none">
      {layers.map((layer, index) => {
        return (
          <rect key={`${layer.digest}-${index}`} x={starts[index]} width={Math.max(share(layer) - 1, 0.75)} height={12} rx={1.5} fill={`var(--c${(index % 8) + 1})`} opacity={layer.shared ? 0.35 : 1}>
            <title>{bytes(layer.size)}</title>
          </rect>
        );
      })}
    </svg>
  );
}
