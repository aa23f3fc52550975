import { Group, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { count } from '../../app/format';
import { Ask } from '../../components/Ask';
import { Problem } from '../../components/Problem';
import { type Covered, coveredQuery, type Draft, type Place } from './api';
import { immutabilityTexts } from './texts';

/** Which tags that are there a rule covers. */
export function CoveredTags({ of, draft }: { of: Place; draft: Draft }) {
  const query = useQuery(coveredQuery(of, draft));
  if (query.error !== null) return <Problem error={query.error} />;
  return <Ask query={query}>{(covered) => <Tags of={of} covered={covered} />}</Ask>;
}

function Tags({ of, covered }: { of: Place; covered: Covered }) {
  const t = immutabilityTexts.use().preview;
  return (
    <Stack gap={6}>
      <Text size="sm" fw={600} aria-live="polite">
        {covered.found === 0 ? t.none : covered.found === 1 ? t.one : t.found(count(covered.found))}
      </Text>
      {covered.found > covered.tags.length && (
        <Text size="xs" c="dimmed">
          {t.first(covered.tags.length)}
        </Text>
      )}
      <Group gap={8} mah={240} style={{ overflow: 'auto' }} tabIndex={covered.tags.length > 0 ? 0 : undefined}>
        {covered.tags.map((one) => (
          <code key={`${one.repository}:${one.tag}`}>{of.image === undefined ? `${one.repository}:${one.tag}` : one.tag}</code>
        ))}
      </Group>
      {covered.more && (
        <Text size="xs" c="dimmed">
          {t.more}
        </Text>
      )}
    </Stack>
  );
}
