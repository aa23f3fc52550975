import { Group, Progress, Text } from '@mantine/core';
import '@mantine/core/styles/Progress.layer.css';

/** How much of a limit is used, in words and as a bar; without a limit in words only. */
export function Meter({ label, text, share }: { label: string; text: string; share?: number | undefined }) {
  return (
    <div>
      <Group justify="space-between" gap="sm" mb={4}>
        <Text size="sm">{label}</Text>
        <Text size="sm" className="tabular" c="dimmed">
          {text}
        </Text>
      </Group>
      {share !== undefined && (
        <Progress value={Math.min(share, 1) * 100} color={share >= 0.9 ? 'red' : 'tide'} aria-label={label} />
      )}
    </div>
  );
}
