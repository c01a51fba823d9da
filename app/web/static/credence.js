// Wakes the design system's components (menu on phones, focus on errors, dropping a file). The pages work without it.
import { initAll } from "./vendor/govuk-frontend-6.6.0.min.js";

initAll();
