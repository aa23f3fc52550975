import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api, data, inPath } from '../../api/client';
import { bytes, count } from '../../app/format';
import { Confirm } from '../../components/Confirm';
import * as notify from '../../components/notify';
import { imagesTexts } from '../images/texts';

/** Deletes an image, after its name was typed, saying what goes with it and what stays. */
export function DeleteImageDialog({ org, image, onClose, onDone }: { org: string; image: string; onClose: () => void; onDone?: () => void }) {
  const t = imagesTexts.use();
  const queries = useQueryClient();
  const path = { namespace: org, repository: inPath(image) };
  const repo = useQuery({
    queryKey: ['image', org, image, 'says'],
    queryFn: () => data(api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}', { params: { path } })),
    placeholderData: undefined,
  }).data;
  const freed = useQuery({
    queryKey: ['image', org, image, 'frees'],
    queryFn: () => data(api.POST('/v2/manage/ledger/frees', { body: { repos: [{ namespace: org, repository: image }] } })),
    placeholderData: undefined,
  }).data;
  const full = `${org}/${image}`;
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t.delete.title(full)}
      goes={[
        ...(repo === undefined ? [] : [t.delete.tags(count(repo.num_images), repo.num_images)]),
        t.delete.around,
        ...(freed === undefined ? [] : [t.delete.bytes(bytes(freed.freed_bytes))]),
      ]}
      stays={[t.delete.organization(org), t.delete.shared, ...(freed === undefined || freed.quota_after_seconds > 0 ? [t.delete.bin] : [])]}
      typed={full}
      confirm={t.delete.confirm}
      run={() => api.DELETE('/v2/manage/namespaces/{namespace}/repos/{repository}', { params: { path } })}
      onDone={() => {
        for (const key of ['images', 'organizations', 'bin']) void queries.invalidateQueries({ queryKey: [key] });
        void queries.invalidateQueries({ queryKey: ['organization', org] });
        notify.done(t.delete.done(full));
        onClose();
        onDone?.();
      }}
    />
  );
}
