import { Modal, Text } from '@mantine/core';
import { useCallback, useEffect, useRef, useState } from 'react';
import { onSessionLost } from '../api/client';
import { ApiError } from '../api/errors';
import { SignInForm } from '../features/sign-in/SignInForm';
import { type Session, useMaybeSession } from './session';
import { frameTexts } from './texts.frame';

interface Waiting {
  resolve: () => void;
  reject: (error: Error) => void;
}

/** The sign-in over the page whose session ended; what waited for it goes on afterwards. */
export function SignInAgain() {
  const t = frameTexts.use();
  const [opened, setOpened] = useState(false);
  const waiting = useRef<Waiting[]>([]);
  const session = useMaybeSession();
  const before = useRef<string | null>(null);
  useEffect(() => {
    if (!opened) before.current = session?.user_id ?? null;
  }, [opened, session]);
  const settle = useCallback((each: (one: Waiting) => void) => {
    const all = waiting.current;
    waiting.current = [];
    setOpened(false);
    all.forEach(each);
  }, []);
  useEffect(() => {
    onSessionLost(
      () =>
        new Promise((resolve, reject) => {
          waiting.current.push({ resolve, reject });
          setOpened(true);
        }),
    );
    return () => onSessionLost(null);
  }, []);
  const give = () => settle((one) => one.reject(new ApiError(401, '', t.session.ended, '')));
  const goOn = (session: Session) => {
    // Somebody else sees other things: nothing of what is on the page may stay.
    if (before.current !== null && before.current !== session.user_id) location.reload();
    else settle((one) => one.resolve());
  };
  return (
    // Over whatever dialog was open when the session ended.
    <Modal opened={opened} onClose={give} zIndex={1000} title={t.session.ended} closeButtonProps={{ 'aria-label': t.close }}>
      <Text size="sm" c="dimmed" mb="md">
        {t.session.endedHelp}
      </Text>
      <SignInForm onDone={goOn} />
    </Modal>
  );
}
