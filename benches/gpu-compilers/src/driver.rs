//! Pipelines by each Vulkan driver, and what `VK_KHR_pipeline_executable_properties` says of them.

use std::error::Error;
use std::ffi::{CStr, c_char};
use std::fs;

use ash::khr::pipeline_executable_properties as executable;
use ash::{Device, Entry, Instance, vk};

use crate::{Access, Binding, Kernel};

/// Compiles the kernels by every driver, and prints a row for each if the driver tells of its code. Returns the number of drivers.
pub fn compile_on_all(kernels: &[Kernel]) -> Result<usize, Box<dyn Error>> {
    // SAFETY: libvulkan.so.1 is what its name says, and stays loaded as long as `entry`.
    let entry = unsafe { Entry::load()? };
    let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
    let descriptor = vk::InstanceCreateInfo::default().application_info(&application);
    // SAFETY: the descriptor has no extension and no layer, and `entry` outlives the instance.
    let instance = unsafe { entry.create_instance(&descriptor, None)? };
    // SAFETY: of this instance, as all handles below.
    let gpus = unsafe { instance.enumerate_physical_devices()? };
    for &gpu in &gpus {
        // SAFETY: as above.
        let name = text(&unsafe { instance.get_physical_device_properties(gpu) }.device_name);
        let driver = Driver::open(&instance, gpu)?;
        println!(
            "# {name}{}",
            if driver.properties.is_some() { "" } else { ": its driver tells nothing of compiled code" }
        );
        for kernel in kernels {
            for row in driver.compile(kernel, &name)? {
                println!("{row}");
            }
        }
    }
    // SAFETY: every device of it is destroyed.
    unsafe { instance.destroy_instance(None) };
    Ok(gpus.len())
}

/// An opened GPU.
struct Driver {
    device: Device,
    /// What it makes of shaders, if it tells.
    properties: Option<executable::Device>,
}

impl Driver {
    fn open(instance: &Instance, gpu: vk::PhysicalDevice) -> Result<Self, vk::Result> {
        // SAFETY: the GPU is the instance's.
        let extensions = unsafe { instance.enumerate_device_extension_properties(gpu)? };
        let has = |name: &CStr| extensions.iter().any(|extension| extension.extension_name_as_c_str() == Ok(name));
        let tells = has(executable::NAME);
        let mut names = if tells { vec![executable::NAME.as_ptr()] } else { Vec::new() };
        let mut has_robustness = vk::PhysicalDeviceRobustness2FeaturesEXT::default();
        if has(ash::ext::robustness2::NAME) {
            let mut features = vk::PhysicalDeviceFeatures2::default().push_next(&mut has_robustness);
            // SAFETY: the GPU is the instance's, and it knows this structure's extension.
            unsafe { instance.get_physical_device_features2(gpu, &mut features) };
            names.push(ash::ext::robustness2::NAME.as_ptr());
        }
        // What wgpu asks for.
        let features = vk::PhysicalDeviceFeatures::default().robust_buffer_access(true);
        let mut robustness = vk::PhysicalDeviceRobustness2FeaturesEXT::default()
            .robust_buffer_access2(has_robustness.robust_buffer_access2 == vk::TRUE);
        let mut info =
            vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default().pipeline_executable_info(true);
        let mut maintenance = vk::PhysicalDeviceMaintenance4Features::default().maintenance4(true);
        let queue = [vk::DeviceQueueCreateInfo::default().queue_family_index(0).queue_priorities(&[1.0])];
        let mut descriptor = vk::DeviceCreateInfo::default()
            .queue_create_infos(&queue)
            .enabled_features(&features)
            .enabled_extension_names(&names)
            .push_next(&mut maintenance);
        if tells {
            descriptor = descriptor.push_next(&mut info);
        }
        if has(ash::ext::robustness2::NAME) {
            descriptor = descriptor.push_next(&mut robustness);
        }
        // SAFETY: all that is asked for is there; every GPU has a queue family 0.
        let device = unsafe { instance.create_device(gpu, &descriptor, None)? };
        let properties = tells.then(|| executable::Device::new(instance, &device));
        Ok(Self { device, properties })
    }

    /// A row for each program that the driver made of the kernel.
    fn compile(&self, kernel: &Kernel, gpu: &str) -> Result<Vec<String>, Box<dyn Error>> {
        let tells = self.properties.is_some();
        let pipeline = Pipeline::new(&self.device, kernel, tells)?;
        let Some(properties) = &self.properties else { return Ok(Vec::new()) };
        let of = vk::PipelineInfoKHR::default().pipeline(pipeline.pipeline);
        // SAFETY: the pipeline is this device's, and the device has the feature.
        let programs = unsafe { properties.get_pipeline_executable_properties(&of)? };
        let mut rows = Vec::new();
        for (index, program) in (0..).zip(&programs) {
            let of = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline.pipeline).executable_index(index);
            // SAFETY: as above, and the pipeline has a program of this index.
            let statistics = unsafe { properties.get_pipeline_executable_statistics(&of)? };
            let numbers: Vec<String> =
                statistics.iter().map(|number| format!("{}={}", text(&number.name), value(number))).collect();
            let (path, name, width) = (kernel.path.display(), text(&program.name), program.subgroup_size);
            rows.push(format!("{path} | {name} | {width} lanes | {}", numbers.join(" | ")));
            for (what, code) in self.code(properties, &of)? {
                let word = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
                fs::write(format!("{path}.{}.{}.txt", word(gpu), word(&what)), code)?;
            }
        }
        Ok(rows)
    }

    /// What the driver made on the way, and last the GPU's own code; each with its name.
    fn code(
        &self,
        properties: &executable::Device,
        of: &vk::PipelineExecutableInfoKHR,
    ) -> Result<Vec<(String, Vec<u8>)>, vk::Result> {
        let get = properties.fp().get_pipeline_executable_internal_representations_khr;
        let device = self.device.handle();
        let mut count = 0;
        // SAFETY: without an array the call only counts.
        unsafe { get(device, of, &raw mut count, std::ptr::null_mut()) }.result()?;
        let mut parts = vec![vk::PipelineExecutableInternalRepresentationKHR::default(); count as usize];
        // SAFETY: the array has as many elements as the call says; without places for the texts it tells their sizes.
        unsafe { get(device, of, &raw mut count, parts.as_mut_ptr()) }.result()?;
        let mut texts: Vec<Vec<u8>> = parts.iter().map(|part| vec![0; part.data_size]).collect();
        for (part, text) in parts.iter_mut().zip(&mut texts) {
            part.p_data = text.as_mut_ptr().cast();
        }
        // SAFETY: as above, and each place has the size that was told for it.
        unsafe { get(device, of, &raw mut count, parts.as_mut_ptr()) }.result()?;
        for text in &mut texts {
            text.retain(|&byte| byte != 0);
        }
        Ok(parts.iter().map(|part| text(&part.name)).zip(texts).collect())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // SAFETY: its pipelines are gone, and nothing was submitted.
        unsafe { self.device.destroy_device(None) };
    }
}

/// A compiled kernel and what it was made with.
struct Pipeline<'a> {
    device: &'a Device,
    module: vk::ShaderModule,
    set: vk::DescriptorSetLayout,
    layout: vk::PipelineLayout,
    pipeline: vk::Pipeline,
}

impl<'a> Pipeline<'a> {
    fn new(device: &'a Device, kernel: &Kernel, tells: bool) -> Result<Self, vk::Result> {
        let bindings: Vec<_> = (0..)
            .zip(&kernel.bindings)
            .map(|(number, binding)| {
                vk::DescriptorSetLayoutBinding::default()
                    .binding(number)
                    .descriptor_type(descriptor_type(binding))
                    .descriptor_count(1)
                    .stage_flags(vk::ShaderStageFlags::COMPUTE)
            })
            .collect();
        // Each part stays null until it is made, and a null one is not destroyed.
        let mut made = Self {
            device,
            module: vk::ShaderModule::null(),
            set: vk::DescriptorSetLayout::null(),
            layout: vk::PipelineLayout::null(),
            pipeline: vk::Pipeline::null(),
        };
        let module = vk::ShaderModuleCreateInfo::default().code(&kernel.spirv);
        let set = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
        let flags = if tells {
            vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
                | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR
        } else {
            vk::PipelineCreateFlags::empty()
        };
        // SAFETY: naga made the SPIR-V valid for Vulkan 1.3; the layouts have its bindings; all handles are this device's.
        unsafe {
            made.module = device.create_shader_module(&module, None)?;
            made.set = device.create_descriptor_set_layout(&set, None)?;
            let sets = [made.set];
            let layout = vk::PipelineLayoutCreateInfo::default().set_layouts(&sets);
            made.layout = device.create_pipeline_layout(&layout, None)?;
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(made.module)
                .name(c"main");
            let pipeline = vk::ComputePipelineCreateInfo::default().stage(stage).layout(made.layout).flags(flags);
            let pipelines = device.create_compute_pipelines(vk::PipelineCache::null(), &[pipeline], None);
            made.pipeline = pipelines.map_err(|(_, error)| error)?[0];
        }
        Ok(made)
    }
}

impl Drop for Pipeline<'_> {
    fn drop(&mut self) {
        // SAFETY: each handle is this device's or null, and nothing uses it any more.
        unsafe {
            self.device.destroy_pipeline(self.pipeline, None);
            self.device.destroy_pipeline_layout(self.layout, None);
            self.device.destroy_descriptor_set_layout(self.set, None);
            self.device.destroy_shader_module(self.module, None);
        }
    }
}

fn descriptor_type(binding: &Binding) -> vk::DescriptorType {
    match (binding.access, binding.dynamic_offset) {
        (Access::Uniform, false) => vk::DescriptorType::UNIFORM_BUFFER,
        (Access::Uniform, true) => vk::DescriptorType::UNIFORM_BUFFER_DYNAMIC,
        (_, false) => vk::DescriptorType::STORAGE_BUFFER,
        (_, true) => vk::DescriptorType::STORAGE_BUFFER_DYNAMIC,
    }
}

fn value(statistic: &vk::PipelineExecutableStatisticKHR) -> String {
    use vk::PipelineExecutableStatisticFormatKHR as Format;
    // SAFETY: the format says which of the union's values is there; all of them are plain numbers.
    unsafe {
        match statistic.format {
            Format::BOOL32 => statistic.value.b32.to_string(),
            Format::INT64 => statistic.value.i64.to_string(),
            Format::UINT64 => statistic.value.u64.to_string(),
            _ => format!("{:.2}", statistic.value.f64),
        }
    }
}

fn text(chars: &[c_char]) -> String {
    let bytes: Vec<u8> = chars.iter().take_while(|&&char| char != 0).map(|&char| char as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
