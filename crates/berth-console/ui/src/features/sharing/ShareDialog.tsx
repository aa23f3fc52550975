import { Radio, Stack, Textarea, TextInput } from '@mantine/core';
import '@mantine/core/styles/Radio.layer.css';
import { useForm } from '@mantine/form';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, inPath } from '../../api/client';
import { count } from '../../app/format';
import { useSession } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { FormDialog } from '../../components/FormDialog';
import * as notify from '../../components/notify';
import type { Share } from './SharingPanel';
import { sharingTexts } from './texts';

interface Wanted {
  account: string;
  until: 'day' | 'forever';
  /** `2026-12-31`. */
  day: string;
  description: string;
}

const DESCRIPTION_MAX = 1000;

interface ShareProps {
  org: string;
  image: string;
  /** The share that is changed; none is a new one. */
  share: Share | null;
  /** Accounts that it is shared with already. */
  taken: string[];
  onClose: () => void;
}

/** Shares an image with an account, or changes how. */
export function ShareDialog({ org, image, share, taken, onClose }: ShareProps) {
  const t = sharingTexts.use();
  const frame = frameTexts.use();
  const session = useSession();
  const queries = useQueryClient();
  const today = dayFromNow(0);
  const form = useForm<Wanted>({
    initialValues: start(share),
    validate: {
      account: (text) => {
        if (text === '') return t.dialog.required;
        if (text === session.domain_name) return t.dialog.self;
        return share === null && taken.includes(text) ? t.dialog.exists(text) : null;
      },
      day: (day, { until }) => (until === 'day' && (day === '' || day < today) ? t.dialog.past : null),
      description: (text) => (Array.from(text).length > DESCRIPTION_MAX ? t.dialog.tooLong : null),
    },
  });
  const asked = useMutation({
    mutationFn: async ({ account, until, day, description }: Wanted) => {
      const terms = { deadline: until === 'forever' ? 'forever' : `${day}T00:00:00Z`, description, permit: 'read' };
      const path = { namespace: org, repository: inPath(image) };
      if (share === null) {
        await api.POST('/v2/manage/namespaces/{namespace}/repositories/{repository}/access-domains', {
          params: { path },
          body: { ...terms, access_domain: account },
        });
        return;
      }
      await api.PATCH('/v2/manage/namespaces/{namespace}/repositories/{repository}/access-domains/{access_domain}', {
        params: { path: { ...path, access_domain: account } },
        body: terms,
      });
    },
    onSuccess: (_, { account }) => {
      void queries.invalidateQueries({ queryKey: ['image', org, image] });
      void queries.invalidateQueries({ queryKey: ['shares'] });
      void queries.invalidateQueries({ queryKey: ['images'] });
      notify.done(share === null ? t.dialog.shared(account) : t.dialog.saved(account));
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={share === null ? t.share : t.editOf(share.access_domain)}
      submit={share === null ? t.dialog.submit : frame.save}
      pending={asked.isPending}
      error={asked.error}
      onSubmit={form.onSubmit((wanted) => asked.mutate(wanted))}
    >
      {share === null && (
        <TextInput
          label={t.dialog.account}
          description={t.dialog.accountHelp}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          withAsterisk
          data-autofocus
          {...form.getInputProps('account')}
        />
      )}
      <Radio.Group label={t.dialog.until} {...form.getInputProps('until')}>
        <Stack gap={8} mt={6}>
          <Radio value="day" label={t.dialog.onDay} />
          {form.values.until === 'day' && (
            <TextInput
              type="date"
              aria-label={t.dialog.lastDay}
              description={t.dialog.lastDayHelp}
              inputWrapperOrder={['input', 'description', 'error']}
              min={today}
              ms={30}
              maw={220}
              {...form.getInputProps('day')}
            />
          )}
          <Radio value="forever" label={t.dialog.forever} />
        </Stack>
      </Radio.Group>
      <Textarea
        label={t.dialog.description}
        description={t.dialog.descriptionHelp(count(Array.from(form.values.description).length))}
        inputWrapperOrder={['label', 'input', 'description', 'error']}
        rows={3}
        {...form.getInputProps('description')}
      />
      <TextInput label={t.dialog.permission} description={t.dialog.permissionHelp} value={t.pull} readOnly variant="filled" />
    </FormDialog>
  );
}

/** What the form begins with: the share as it is, or thirty days from today. */
function start(share: Share | null): Wanted {
  const inThirtyDays = dayFromNow(30);
  if (share === null) return { account: '', until: 'day', day: inThirtyDays, description: '' };
  const forever = share.deadline === 'forever';
  return {
    account: share.access_domain,
    until: forever ? 'forever' : 'day',
    day: forever ? inThirtyDays : share.deadline.slice(0, 10),
    description: share.description,
  };
}

/** A day so many days from today, in UTC: `2026-12-31`. */
function dayFromNow(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}
