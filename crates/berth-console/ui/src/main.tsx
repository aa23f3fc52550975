import '@fontsource-variable/inter/wght.css';
import './styles/mantine';
import './styles/global.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { styleNonce } from './api/base';
import { App } from './app/App';
import { language, setLanguage } from './app/language';

// What Mantine's scroll lock puts into the page carries the nonce of the policy only when it is here.
(globalThis as { __webpack_nonce__?: string }).__webpack_nonce__ = styleNonce;
setLanguage(language());

const root = document.getElementById('root');
if (root === null) throw new Error('the page has no root');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
