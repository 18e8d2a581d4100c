// The form of settings.

export class SettingsForm {
  #form;

  constructor(form, { restart, setLearningRate }) {
    this.#form = form;
    form.onsubmit = (event) => event.preventDefault();
    form.onchange = ({ target }) => {
      if (!form.reportValidity()) return;
      if (target.name === 'learningRate') setLearningRate(this.values().learningRate);
      else restart(this.values());
    };
  }

  fill(settings) {
    for (const [name, value] of Object.entries(settings)) this.#form.elements[name].value = value;
  }

  isValid() {
    return this.#form.reportValidity();
  }

  values() {
    const { device, hidden, activation, learningRate, seed } = this.#form.elements;
    return {
      device: device.value,
      hidden: hidden.valueAsNumber,
      activation: activation.value,
      learningRate: learningRate.valueAsNumber,
      seed: seed.valueAsNumber,
    };
  }
}
