import { Button, Group, PasswordInput } from '@mantine/core';
import { Dices } from 'lucide-react';
import { useState } from 'react';
import { frameTexts } from '../../app/texts.frame';
import { Copy } from '../../components/Copy';
import { accessTexts } from './texts';
import { PASSWORD_MIN, randomPassword } from './users';

/** Whether the API would take it: enough characters, and not more bytes than are hashed. */
export function isPassword(text: string): boolean {
  return Array.from(text).length >= PASSWORD_MIN && new TextEncoder().encode(text).length <= 512;
}

/** A password for somebody else: typed, or made up and then copied to them. */
export function PasswordField({
  label,
  value,
  onChange,
  description,
  autoFocus = false,
}: {
  label: string;
  value: string;
  onChange: (text: string) => void;
  description?: string;
  autoFocus?: boolean;
}) {
  const t = accessTexts.use().users;
  const frame = frameTexts.use();
  const [shown, setShown] = useState(false);
  const generate = () => {
    onChange(randomPassword());
    setShown(true);
  };
  return (
    <Group align="flex-end" gap="xs" wrap="nowrap">
      <PasswordInput
        label={label}
        description={description}
        autoComplete="new-password"
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
        visible={shown}
        onVisibilityChange={setShown}
        visibilityToggleButtonProps={{ 'aria-label': shown ? frame.hide : frame.show }}
        error={value !== '' && !isPassword(value) ? t.passwordRule : undefined}
        data-autofocus={autoFocus || undefined}
        style={{ flex: 1 }}
      />
      <Button variant="default" leftSection={<Dices size={15} aria-hidden />} onClick={generate}>
        {t.generate}
      </Button>
      {value !== '' && shown && <Copy text={value} what={label} />}
    </Group>
  );
}
