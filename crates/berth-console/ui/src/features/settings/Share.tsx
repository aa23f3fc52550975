import { Group, Text, Tooltip } from '@mantine/core';
import { bytes } from '../../app/format';

/** Amounts that make a whole: a bar to scale, and each with its figure. */
export function Share({ parts }: { parts: { label: string; value: number; help?: string }[] }) {
  const whole = parts.reduce((sum, part) => sum + part.value, 0);
  const width = (value: number) => (whole === 0 ? 0 : (value / whole) * 100);
  const starts = parts.map((_, index) => parts.slice(0, index).reduce((sum, part) => sum + width(part.value), 0));
  return (
    <div>
      <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden style={{ width: '100%', height: 14, display: 'block', borderRadius: 4, background: 'var(--berth-line)' }}>
        {parts.map((part, index) => (
          <rect key={part.label} x={starts[index]} width={width(part.value)} height={10} fill={`var(--c${index + 1})`} />
        ))}
      </svg>
      <Group gap="md" mt={8}>
        {parts.map((part, index) => {
          const told = (
            <Group gap={6} key={part.label} wrap="nowrap" tabIndex={part.help === undefined ? undefined : 0}>
              <span aria-hidden style={{ width: 10, height: 10, borderRadius: 3, background: `var(--c${index + 1})`, flexShrink: 0 }} />
              <Text size="sm">
                {part.label}{' '}
                <Text span fw={600} className="tabular">
                  {bytes(part.value)}
                </Text>
              </Text>
            </Group>
          );
          return part.help === undefined ? told : <Tooltip key={part.label} label={part.help}>{told}</Tooltip>;
        })}
      </Group>
    </div>
  );
}
