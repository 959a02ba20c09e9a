DROP TRIGGER refuse_circles ON public.artifact_dependency;
CREATE TRIGGER refuse_circles AFTER INSERT ON public.artifact_dependency
FOR EACH ROW EXECUTE FUNCTION public.refuse_circles();
