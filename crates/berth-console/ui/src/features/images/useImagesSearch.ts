import { useNavigate, useSearch } from '@tanstack/react-router';
import type { Order } from '../../components/DataTable';
import type { ImagesWanted } from './list';

/** What stands in the address of a list of images. */
interface InAddress {
  tab?: string;
  q?: string;
  org?: string;
  category?: string;
  type?: string;
  shared?: boolean;
  sort?: string;
  desc?: boolean;
}

/** Filter and order of a list of images, which stand in the address. */
export function useImagesSearch(fixed?: { org: string }) {
  const search = useSearch({ strict: false }) as InAddress;
  const navigate = useNavigate();
  const change = (next: Partial<InAddress>) => {
    const merged = Object.entries({ ...search, ...next });
    // What is not chosen is not in the address.
    const kept = Object.fromEntries(merged.filter(([, value]) => value !== undefined && value !== '' && value !== false));
    void navigate({ to: '.', search: kept, replace: true });
  };
  const wanted: ImagesWanted = {
    set: search.shared === true ? 'shared_by_me' : 'own',
    text: String(search.q ?? ''),
    org: fixed?.org ?? String(search.org ?? ''),
    category: search.category ?? '',
    visibility: search.type ?? '',
    state: '',
    column: search.sort ?? 'name',
    descending: search.desc === true,
  };
  const filtered =
    wanted.text !== '' || (fixed === undefined && wanted.org !== '') || wanted.category !== '' || wanted.visibility !== '' || wanted.set !== 'own';
  return {
    wanted,
    filtered,
    change,
    order: { column: wanted.column, descending: wanted.descending } satisfies Order,
    setOrder: (order: Order) => change({ sort: order.column, desc: order.descending }),
    clear: () => change({ q: undefined, org: undefined, category: undefined, type: undefined, shared: undefined }),
  };
}
