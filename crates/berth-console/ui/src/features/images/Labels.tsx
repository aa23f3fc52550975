import { Group, Text } from '@mantine/core';
import { Globe2, Lock } from 'lucide-react';
import { type Category, CATEGORIES } from './list';
import { imagesTexts } from './texts';

/** Whether everybody may pull an image, with its sign. */
export function Visibility({ isPublic }: { isPublic: boolean }) {
  const t = imagesTexts.use();
  const Icon = isPublic ? Globe2 : Lock;
  return (
    <Group gap={6} wrap="nowrap" display="inline-flex">
      <Icon size={14} aria-hidden style={{ opacity: 0.75, flexShrink: 0 }} />
      <span style={{ whiteSpace: 'nowrap' }}>{isPublic ? t.public : t.private}</span>
    </Group>
  );
}

/** What an image is filed under, in words. */
export function CategoryName({ category }: { category: string }) {
  const t = imagesTexts.use();
  const known = CATEGORIES.find((one): one is Category => one === category);
  if (known === undefined) return <Text span c="dimmed">–</Text>;
  return <span style={{ overflowWrap: 'break-word', wordBreak: 'keep-all' }}>{t.categories[known]}</span>;
}
