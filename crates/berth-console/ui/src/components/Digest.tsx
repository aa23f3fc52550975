import { Group, Tooltip } from '@mantine/core';
import { shortDigest } from '../app/format';
import { Copy } from './Copy';

/** A digest, short, with the whole of it to read and to copy. */
export function Digest({ digest }: { digest: string }) {
  return (
    <Group gap={2} wrap="nowrap" display="inline-flex">
      <Tooltip label={digest} maw={640}>
        <code tabIndex={0}>{shortDigest(digest)}</code>
      </Tooltip>
      <Copy text={digest} what={digest} />
    </Group>
  );
}
