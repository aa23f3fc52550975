import { ActionIcon, Menu } from '@mantine/core';
import { Ellipsis, Pencil, RefreshCw, Trash2 } from 'lucide-react';
import { settingsTexts } from './texts';

/** What can be done with something that is registered. */
export function RowMenu({ name, busy = false, onCheck, onEdit, onRemove }: { name: string; busy?: boolean; onCheck?: () => void; onEdit: () => void; onRemove: () => void }) {
  const t = settingsTexts.use();
  return (
    <Menu>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={t.actions(name)} loading={busy}>
          <Ellipsis size={17} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {onCheck !== undefined && (
          <Menu.Item leftSection={<RefreshCw size={15} aria-hidden />} onClick={onCheck}>
            {t.check}
          </Menu.Item>
        )}
        <Menu.Item leftSection={<Pencil size={15} aria-hidden />} onClick={onEdit}>
          {t.edit}
        </Menu.Item>
        <Menu.Item color="red" leftSection={<Trash2 size={15} aria-hidden />} onClick={onRemove}>
          {t.remove}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
