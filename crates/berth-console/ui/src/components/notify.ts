import { notifications } from '@mantine/notifications';
import { explain } from '../app/errorTexts';
import { frameTexts } from '../app/texts.frame';

/** Says that something was done. */
export function done(message: string): void {
  notifications.show({ message, color: 'teal', closeButtonProps: { 'aria-label': frameTexts.now().close } });
}

/** Says that something was not done, where there is no form that could say so. */
export function failed(error: Error): void {
  notifications.show({
    title: frameTexts.now().failed,
    message: explain(error),
    color: 'red',
    autoClose: 10_000,
    closeButtonProps: { 'aria-label': frameTexts.now().close },
  });
}
