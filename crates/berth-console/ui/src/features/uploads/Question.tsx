import { Alert, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { CircleHelp } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { isImageName, isTagName } from '../../app/names';
import { Problem } from '../../components/Problem';
import { type Answer, answer, type Item } from './queue';
import { uploadTexts } from './texts';

/** What an upload has to be told before it goes on: a name, or that a tag may move. */
export function Question({ item, asks }: { item: Item; asks: 'name' | 'overwrite' }) {
  const t = uploadTexts.use();
  const targets = (item.upload?.images ?? []).flatMap((image) => image.targets);
  const taken = targets.filter((target) => target.current_digest !== null);
  const [naming, setNaming] = useState(asks === 'name');
  const saying = useMutation({ mutationFn: (said: Answer) => answer(item.key, said) });
  const names = taken.map((target) => `${item.organization}/${target.repository}:${target.tag}`).join(', ');
  return (
    <Alert color="yellow" variant="light" mt="xs" icon={<CircleHelp size={18} aria-hidden />} role="group" aria-label={t.phase.asking}>
      <Stack gap="xs">
        <Text size="sm">{asks === 'name' ? t.askName : t.askOverwrite(names)}</Text>
        {saying.error !== null && <Problem error={saying.error} />}
        {naming ? (
          <NameForm
            image={targets.length === 1 ? (targets[0]?.repository ?? '') : ''}
            tag={asks === 'name' ? 'latest' : ''}
            pending={saying.isPending}
            onSaid={(repository, tag) => saying.mutate({ repository, tag, overwrite: false })}
          />
        ) : (
          <Group gap="xs">
            <Button size="xs" loading={saying.isPending} onClick={() => saying.mutate({ overwrite: true })}>
              {t.overwrite}
            </Button>
            {targets.length === 1 && (
              <Button size="xs" variant="default" onClick={() => setNaming(true)}>
                {t.otherTag}
              </Button>
            )}
          </Group>
        )}
      </Stack>
    </Alert>
  );
}

function NameForm(props: { image: string; tag: string; pending: boolean; onSaid: (image: string, tag: string) => void }) {
  const t = uploadTexts.use();
  const [image, setImage] = useState(props.image);
  const [tag, setTag] = useState(props.tag);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isImageName(image) && isTagName(tag)) props.onSaid(image, tag);
  };
  return (
    <form onSubmit={submit} noValidate>
      <Group gap="xs" align="flex-start">
        <TextInput label={t.image} size="xs" value={image} onChange={(event) => setImage(event.currentTarget.value)} error={image !== '' && !isImageName(image) && t.badImage} />
        <TextInput label={t.tag} size="xs" value={tag} onChange={(event) => setTag(event.currentTarget.value)} error={tag !== '' && !isTagName(tag) && t.badTag} />
        <Button type="submit" size="xs" mt={22} loading={props.pending} disabled={!isImageName(image) || !isTagName(tag)}>
          {t.useName}
        </Button>
      </Group>
    </form>
  );
}
