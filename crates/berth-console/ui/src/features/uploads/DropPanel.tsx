import { Button, FileButton, Select, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Building2, FileUp } from 'lucide-react';
import { type DragEvent, useState } from 'react';
import { api, data } from '../../api/client';
import type { components } from '../../api/schema';
import { bytes, count } from '../../app/format';
import { Ask } from '../../components/Ask';
import { Empty } from '../../components/Empty';
import { failed } from '../../components/notify';
import { Panel } from '../../components/Panel';
import { add, type Item, useUploads } from './queue';
import { uploadTexts } from './texts';
import './uploads.css';

type Limits = components['schemas']['ArchiveUploadLimits'];

/** The organization that was chosen last in this browser. */
const REMEMBERED = 'berth.upload.organization';
/** Write, as the API numbers rights. */
const WRITE = 3;

/** Where files are dropped or chosen, and which organization their images go to. */
export function DropPanel({ limits }: { limits: Limits }) {
  const t = uploadTexts.use();
  const organizations = useQuery({
    queryKey: ['organizations', 'to-push'],
    queryFn: () => data(api.GET('/v2/manage/namespaces')),
    select: (page) => page.namespaces.filter((one) => one.auth >= WRITE).map((one) => one.name),
  });
  return (
    <Panel>
      <Ask query={organizations}>
        {(names) =>
          names.length === 0 ? (
            <Empty
              icon={Building2}
              title={t.noOrganization}
              action={
                <Button component={Link} to="/organizations" mt="xs">
                  {t.createOrganization}
                </Button>
              }
            >
              {t.noOrganizationHelp}
            </Empty>
          ) : (
            <DropZone names={names} limits={limits} />
          )
        }
      </Ask>
    </Panel>
  );
}

function DropZone({ names, limits }: { names: string[]; limits: Limits }) {
  const t = uploadTexts.use();
  const items = useUploads();
  const [chosen, setChosen] = useState<string | null>(() => localStorage.getItem(REMEMBERED));
  const [over, setOver] = useState(false);
  const organization = chosen !== null && names.includes(chosen) ? chosen : (names[0] ?? '');
  const choose = (name: string | null) => {
    if (name === null) return;
    localStorage.setItem(REMEMBERED, name);
    setChosen(name);
  };
  const take = (files: File[]) => {
    const small = files.filter((file) => file.size <= limits.file_size_max);
    for (const file of files) {
      if (!small.includes(file)) failed(new Error(t.tooLarge(file.name, bytes(limits.file_size_max))));
    }
    const room = Math.max(0, limits.files_max - items.filter(isOpen).length);
    if (small.length > room) failed(new Error(t.tooMany(count(limits.files_max))));
    add(small.slice(0, room), organization).catch(failed);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    take([...event.dataTransfer.files]);
  };
  return (
    <Stack gap="md">
      <Select
        label={t.organization}
        description={t.organizationHelp}
        data={names}
        value={organization}
        onChange={choose}
        allowDeselect={false}
        searchable
        maw={360}
      />
      <div
        className="drop-zone"
        data-over={over || undefined}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        <Stack align="center" gap="xs">
          <FileUp size={32} strokeWidth={1.5} aria-hidden style={{ opacity: 0.7 }} />
          <Text fw={600}>{over ? t.dropNow : t.drop}</Text>
          <FileButton multiple accept=".tar,.gz,.tgz,application/x-tar,application/gzip" onChange={take}>
            {(props) => <Button {...props}>{t.choose}</Button>}
          </FileButton>
          <Text size="sm" c="dimmed" maw={620}>
            {t.accepted(count(limits.files_max), bytes(limits.file_size_max), bytes(limits.unpacked_size_max))} {t.nameFromInside}
          </Text>
        </Stack>
      </div>
    </Stack>
  );
}

/** Whether an upload counts among those that are under way; one that waits for its file does, and takes it. */
function isOpen(item: Item): boolean {
  return item.phase !== 'ended' && item.phase !== 'refused' && item.phase !== 'detached';
}
