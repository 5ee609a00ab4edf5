import { render } from 'preact';
import { App } from './app';
import './styles/base.css';
import './styles/layout.css';
import './styles/components.css';
import './styles/map.css';
import './styles/sql.css';
import './styles/chart.css';
import './theme';

const place = document.getElementById('app');
if (place) render(<App />, place);
