import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

/** The primary colour, from pale to dark; shade 6 has white text at 5.4:1. */
const tide: MantineColorsTuple = [
  '#ecfbfd', '#d5f2f7', '#a9e5ef', '#79d7e6', '#4fc3d8', '#22a5bf', '#0e7490', '#0c647c', '#0a5266', '#073d4d',
];

/** The neutrals of the dark scheme, from text to page; Mantine's own are brown beside tide. */
const slate: MantineColorsTuple = [
  '#dbe4ea', '#b9c6cf', '#93a4b0', '#66757f', '#3a4852', '#2b3842', '#16212a', '#111a21', '#0d151b', '#0a1116',
];

/** Berth's look: see `styles/global.css` for what is no component's. */
export const theme = createTheme({
  primaryColor: 'tide',
  primaryShade: { light: 6, dark: 6 },
  colors: { tide, dark: slate },
  fontFamily:
    '"Inter Variable", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", system-ui, sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace',
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '18px' },
  defaultRadius: 'md',
  radius: { sm: '6px', md: '8px', lg: '16px' },
  headings: {
    fontWeight: '650',
    sizes: {
      h1: { fontSize: '22px', lineHeight: '1.3' },
      h2: { fontSize: '17px', lineHeight: '1.35' },
      h3: { fontSize: '15px', lineHeight: '1.4' },
    },
  },
  respectReducedMotion: true,
  components: {
    // Mantine makes a dialog's header a second banner of the page.
    Modal: { defaultProps: { attributes: { header: { role: 'presentation' } }, centered: true, radius: 'lg' } },
    Drawer: { defaultProps: { attributes: { header: { role: 'presentation' } } } },
    Anchor: { defaultProps: { underline: 'always' } },
    Tooltip: { defaultProps: { withArrow: true, multiline: true, maw: 320, events: { hover: true, focus: true, touch: true } } },
    Badge: { defaultProps: { tt: 'none', fw: 600, miw: 'max-content' } },
    Button: { defaultProps: { size: 'sm' } },
    TextInput: { defaultProps: { size: 'sm' } },
    Select: { defaultProps: { size: 'sm' } },
    Menu: { defaultProps: { position: 'bottom-end', shadow: 'md' } },
    Table: { defaultProps: { verticalSpacing: 8, horizontalSpacing: 12 } },
  },
});

/** The neutrals with a blue cast, for both schemes. */
export const variables: CSSVariablesResolver = () => ({
  // Mantine's own have too little contrast with white text.
  variables: { '--mantine-color-red-filled': '#c92a2a', '--mantine-color-red-filled-hover': '#b02525' },
  light: {
    '--mantine-color-body': '#ffffff',
    '--mantine-color-text': '#17212a',
    '--mantine-color-dimmed': '#566672',
    '--mantine-color-default-border': '#d5dde3',
    '--mantine-color-anchor': '#0c647c',
    '--mantine-color-error': '#c22525',
    '--mantine-color-red-light-color': '#b02525',
    '--mantine-color-teal-light-color': '#0b664a',
    '--mantine-color-yellow-light-color': '#7a4d00',
    '--berth-page': '#f4f7f8',
    '--berth-surface': '#ffffff',
    '--berth-hover': '#edf3f5',
    '--berth-line': '#dde5e9',
  },
  dark: {
    '--mantine-color-red-filled': '#c92a2a',
    '--mantine-color-red-filled-hover': '#b02525',
    '--mantine-color-body': '#111a21',
    '--mantine-color-text': '#dbe4ea',
    '--mantine-color-dimmed': '#93a4b0',
    '--mantine-color-default-border': '#2b3842',
    '--mantine-color-default': '#16212a',
    '--mantine-color-default-hover': '#1c2933',
    '--mantine-color-anchor': '#4fc3d8',
    '--mantine-color-error': '#ff8787',
    '--berth-page': '#0d151b',
    '--berth-surface': '#111a21',
    '--berth-hover': '#17222b',
    '--berth-line': '#22303a',
  },
});
