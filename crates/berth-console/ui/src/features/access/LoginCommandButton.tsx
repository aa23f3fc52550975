import { Button, type ButtonProps } from '@mantine/core';
import { Terminal } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { loginTexts } from './login/texts';

const Dialog = lazy(() => import('./LoginCommand').then((module) => ({ default: module.LoginCommandDialog })));

/** A button that opens the login commands over the page; they are loaded then. `image` is what the commands are about. */
export function LoginCommandButton({ image, ...props }: ButtonProps & { image?: string }) {
  const t = loginTexts.use();
  const [opened, setOpened] = useState(false);
  return (
    <>
      <Button variant="default" leftSection={<Terminal size={15} aria-hidden />} {...props} onClick={() => setOpened(true)}>
        {t.generate}
      </Button>
      {opened && (
        <Suspense fallback={null}>
          <Dialog image={image} onClose={() => setOpened(false)} />
        </Suspense>
      )}
    </>
  );
}
